/** What a router has measured of one model lately, and where it stands. */
export interface ModelLoad {
  /** Of this router. */
  readonly requestsPerSecond: number;
  /** How long its requests wait for their turn, on average, as workers report it. */
  readonly queueMs: number;
  /** Lanes that its runs keep busy: 0.5 is half of one. */
  readonly busyLanes: number;
  readonly copies: number;
  readonly maxCopies: number;
  /** For how long its load has been such that one copy less would carry it. */
  readonly calmMs: number;
}

export interface CopiesLimits {
  readonly hotQueueMs: number;
  readonly hotRequestsPerSecond: number;
  readonly hotCoolMs: number;
}

export interface CopiesDecision {
  readonly decision: 'grow' | 'shrink' | 'stay';
  readonly reason: string;
}

/** Of what makes it grow, what its load may be at most on one copy less: far below, or it would soon grow again. */
const CALM_SHARE = 0.5;
const CALM_QUEUE_SHARE = 0.25;

/**
 * How many workers should have a model. One more when its requests wait for long or are many for its copies; one less
 * when fewer would carry it by far, and have for a while. A wait alone never takes one away: that it is short may be
 * what the copies are for.
 */
export function decideCopies(load: ModelLoad, limits: CopiesLimits): CopiesDecision {
  const { requestsPerSecond, queueMs, copies, maxCopies, calmMs } = load;
  const { hotQueueMs, hotRequestsPerSecond, hotCoolMs } = limits;
  if (copies > Math.max(1, maxCopies)) return { decision: 'shrink', reason: `at most ${maxCopies} copies` };
  const waits = queueMs > hotQueueMs;
  const isAsked = requestsPerSecond > hotRequestsPerSecond * copies;
  if (waits || isAsked) {
    const reason = waits
      ? `requests wait ${Math.round(queueMs)} ms, more than ${hotQueueMs}`
      : `${Math.round(requestsPerSecond)} requests/s, more than ${hotRequestsPerSecond} by copy`;
    return copies < maxCopies ? { decision: 'grow', reason } : { decision: 'stay', reason };
  }
  if (!isCalm(load, limits)) return { decision: 'stay', reason: 'its copies carry it' };
  return calmMs >= hotCoolMs
    ? { decision: 'shrink', reason: `fewer copies have been enough for ${Math.round(calmMs)} ms` }
    : { decision: 'stay', reason: 'it has not been calm for long' };
}

/** Whether one copy less would carry it by far. */
export function isCalm(load: ModelLoad, limits: CopiesLimits): boolean {
  const fewer = load.copies - 1;
  return (
    fewer > 0 &&
    load.queueMs <= limits.hotQueueMs * CALM_QUEUE_SHARE &&
    load.requestsPerSecond <= limits.hotRequestsPerSecond * fewer * CALM_SHARE &&
    load.busyLanes <= fewer * CALM_SHARE
  );
}
