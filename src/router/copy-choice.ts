/** What is known of a worker's load, in milliseconds of waiting. */
export interface Load {
  /** As the worker reported it with its last answer, drained by the time since. */
  readonly queueDelayMs: number;
  /** Sent by this router and not answered. */
  readonly inFlight: number;
}

/** A request under way costs the next about this much: what small models take. */
const IN_FLIGHT_MS = 0.05;
/** So much waiting is no moment's noise: worth a second, cold copy to a model that isn't known to be hot. */
const MARGIN_MS = 250;
/** To one that is: it is about to have a warm copy there. */
const HOT_MARGIN_MS = 2_000;
const FACTOR = 2;

export function expectedWaitMs(load: Load): number {
  return load.queueDelayMs + load.inFlight * IN_FLIGHT_MS;
}

/**
 * Of the first two workers of a model's order, when only the first should have it: the second when a request would
 * wait there less than half as long, and less by more than a load is worth.
 */
export function prefersSecond(first: Load, second: Load, isHot: boolean): boolean {
  return expectedWaitMs(first) > FACTOR * expectedWaitMs(second) + (isHot ? HOT_MARGIN_MS : MARGIN_MS);
}
