import type { SelfKillCause } from '../../wire/crash-journal.ts';
import type { LaneFailure } from '../../wire/lane.ts';

/** Another worker of the shard, or this one when it is back, can answer. */
export const LOST: LaneFailure = {
  code: 'SHUTTING_DOWN',
  message: 'a lane of the worker died; the worker starts anew',
};
export const EXPIRED: LaneFailure = {
  code: 'DEADLINE_EXCEEDED',
  message: 'the deadline passed while the request waited for its lane',
};
export const SUSPECT_BACKGROUND: LaneFailure = {
  code: 'OVERLOADED',
  message: 'the version was at work when a worker died lately: it does no background work',
};

/** Its callers find another worker of the shard. */
export function heldFailure(laneOverrunMs: number): LaneFailure {
  return { code: 'OVERLOADED', message: `another model has held the lane for more than ${laneOverrunMs} ms` };
}

/** Why a thread is gone: its own heap was full, or it threw what it never should. */
export function causeOf(error: Error): SelfKillCause {
  return (error as NodeJS.ErrnoException).code === 'ERR_WORKER_OUT_OF_MEMORY' ? 'memory' : 'bug';
}
