import type { ModelKey } from '../wire/model-key.ts';
import type { EvictionReason } from '../wire/control.ts';

/** Whose load needs the room. */
export interface Displacer {
  readonly key: ModelKey;
  readonly residentBytes: number;
}

/**
 * Sessions and plans have one budget: what of the other kind is worth less goes first. Scores are those of
 * core/eviction-order, by one clock. This is how each sees the other.
 */
export interface Beside {
  readonly count: number;
  /** What counts against the budget. */
  readonly usedBytes: number;
  /** The part of it that will soon be free. */
  readonly leavingBytes: number;
  /** What evicting all that may go would free. */
  readonly evictableBytes: number;
  /** Of what would go first; undefined: nothing may go. */
  lowestScore(): number | undefined;
  /** Begins to free so many bytes, or some of them; the other is told when they are free. False: nothing may go. */
  giveUp(bytes: number, reason: EvictionReason, displacer: Displacer): boolean;
}

/** For a worker, or a test, that has only one kind. */
export const NOTHING_BESIDE: Beside = {
  count: 0,
  usedBytes: 0,
  leavingBytes: 0,
  evictableBytes: 0,
  lowestScore: () => undefined,
  giveUp: () => false,
};
