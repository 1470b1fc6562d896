import type { Blame } from '../core/crash-blame.ts';
import type { ModelKey } from './model-key.ts';

/**
 * Who saw a worker crash tells the leading manager, with the fleet's token as its bearer token; no part of the public
 * API. A crash that is told again is counted once.
 *
 *   POST /fleet/strikes  StrikesRequest -> StrikesAnswer   (503 where no manager leads)
 */
export const STRIKES_PATH = '/fleet/strikes';

/** Suspects of one crash. */
export const MAX_BLAMED = 1_024;

export interface StrikesRequest {
  /** Tells crashes apart. */
  readonly crash: string;
  readonly blamed: readonly Blame[];
}

export interface StrikesAnswer {
  /** Those of them that are in quarantine now. */
  readonly guilty: readonly ModelKey[];
}
