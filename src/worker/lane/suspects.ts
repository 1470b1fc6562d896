import type { ModelKey } from '../../wire/model-key.ts';

/** A lane as the suspects see it. */
export interface SuspectsLane {
  /** Other versions are suspects now. */
  onSuspectsChanged(): void;
  /** None is at work any more. */
  onSuspectDone(): void;
}

/**
 * Versions that were at work when a worker died lately. Only one of them runs or loads at a time in the whole worker,
 * and alone in its message: when the worker dies again, only the one that did it was at work among them.
 */
export class Suspects {
  #keys: ReadonlySet<ModelKey>;
  #isOneAtWork = false;
  readonly #lanes = new Set<SuspectsLane>();

  constructor(keys: readonly ModelKey[] = []) {
    this.#keys = new Set(keys);
  }

  get keys(): ReadonlySet<ModelKey> {
    return this.#keys;
  }

  has(key: ModelKey): boolean {
    return this.#keys.size > 0 && this.#keys.has(key);
  }

  /** Whether a suspect may go to a thread now. */
  get mayEnter(): boolean {
    return !this.#isOneAtWork;
  }

  enter(): void {
    this.#isOneAtWork = true;
  }

  leave(): void {
    this.#isOneAtWork = false;
    for (const lane of this.#lanes) lane.onSuspectDone();
  }

  replace(keys: readonly ModelKey[]): void {
    this.#keys = new Set(keys);
    for (const lane of this.#lanes) lane.onSuspectsChanged();
  }

  join(lane: SuspectsLane): void {
    this.#lanes.add(lane);
  }
}
