/** What is known of a worker's load, in milliseconds of waiting. */
export interface Load {
  /** As the worker reported it with its last answer, drained by the time since. */
  readonly queueDelayMs: number;
  /** Sent by this router and not answered. */
  readonly inFlight: number;
}

/** A request under way costs the next about this much: what small models take. */
const IN_FLIGHT_MS = 0.05;
/** The second must be clearly better, or a moment's noise would load an idle model a second time. */
const MARGIN_MS = 5;
const FACTOR = 2;

/**
 * Shorter silences are ordinary runs and loads, or a run that holds its lane: of that the worker tells after
 * `laneOverrunMs`, and until then the model must not be tried on another.
 */
export function silenceOf({ laneOverrunMs }: { readonly laneOverrunMs: number }): number {
  return 1.5 * laneOverrunMs;
}

export function expectedWaitMs(load: Load): number {
  return load.queueDelayMs + load.inFlight * IN_FLIGHT_MS;
}

/**
 * Of a model's first two copies: the first as long as it isn't clearly busier, so that a model that one worker
 * can carry is resident once; the second when a request would wait there less than half as long, and at least
 * five milliseconds less.
 */
export function prefersSecond(first: Load, second: Load): boolean {
  return expectedWaitMs(first) > FACTOR * expectedWaitMs(second) + MARGIN_MS;
}
