/** What is known of how a worker has done lately, and whether it is passed over for that. */
export interface Standing {
  /** Failed calls since the last good one. */
  readonly failures: number;
  /** The models of those that may have been their model's own fault: each counts once. */
  readonly models: readonly string[];
  /** How often in a row it was passed over. */
  readonly ejections: number;
  /** Why it is passed over: out until `untilMs`, then on probation until it has shown that it is well. */
  readonly out: Ejection | undefined;
  readonly untilMs: number;
}

/** silence: it must be heard to be back; calls: it must answer one well. */
export type Ejection = 'silence' | 'calls';
export type Phase = 'in' | 'out' | 'probation';

export interface OutlierLimits {
  readonly workerFailures: number;
  readonly workerEjectMs: number;
  readonly workerEjectMaxMs: number;
  readonly ejectedPercent: number;
}

/** Times are up to this share shorter: routers must not take a worker back all at once. */
const JITTER = 0.25;

export const GOOD_STANDING: Standing = {
  failures: 0,
  models: [],
  ejections: 0,
  out: undefined,
  untilMs: Number.NEGATIVE_INFINITY,
};

export function phaseOf({ out, untilMs }: Standing, nowMs: number): Phase {
  if (out === undefined) return 'in';
  return nowMs < untilMs ? 'out' : 'probation';
}

/** A call was answered well. What was sent before it went out tells nothing of the time since. */
export function afterAnswer(standing: Standing, nowMs: number): Standing {
  const phase = phaseOf(standing, nowMs);
  if (phase === 'out' || (phase === 'in' && standing.failures === 0)) return standing;
  return { ...standing, failures: 0, models: [], out: undefined };
}

/** It answered a ping. */
export function afterPong(standing: Standing, nowMs: number): Standing {
  const isBack = standing.out === 'silence' && phaseOf(standing, nowMs) === 'probation';
  return isBack ? { ...standing, failures: 0, models: [], out: undefined } : standing;
}

/** A call failed. `model`: it may be that model's own fault, so one that fails again and again counts once. */
export function afterFailure(standing: Standing, model?: string): Standing {
  if (model !== undefined && standing.models.includes(model)) return standing;
  const models = model === undefined ? standing.models : [...standing.models, model];
  return { ...standing, failures: standing.failures + 1, models };
}

/** Whether its failures are enough to pass it over; on probation one is. */
export function isOutlier(standing: Standing, nowMs: number, { workerFailures }: OutlierLimits): boolean {
  const phase = phaseOf(standing, nowMs);
  if (phase === 'probation') return standing.failures > 0;
  return phase === 'in' && standing.failures >= workerFailures;
}

/** Whether one more of `known` workers may be passed over, when so many are. */
export function mayEject(known: number, ejected: number, { ejectedPercent }: OutlierLimits): boolean {
  const most = Math.max(known > 1 ? 1 : 0, Math.floor((known * ejectedPercent) / 100));
  return ejected < Math.min(most, known - 1);
}

/** Each time in a row twice as long as before; from the start again after it was well for the longest time. */
export function eject(
  standing: Standing,
  cause: Ejection,
  nowMs: number,
  random: number,
  { workerEjectMs, workerEjectMaxMs }: OutlierLimits,
): Standing {
  const wasLongAgo = nowMs - standing.untilMs > workerEjectMaxMs;
  const ejections = wasLongAgo ? 1 : standing.ejections + 1;
  const ms = Math.min(workerEjectMaxMs, workerEjectMs * 2 ** Math.min(30, ejections - 1));
  return { failures: 0, models: [], ejections, out: cause, untilMs: nowMs + ms * (1 - JITTER * random) };
}
