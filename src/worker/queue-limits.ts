import { overloaded, type ShoalError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import { QueueShares, WAIT_SHARE } from '../core/queue-shares.ts';
import type { Job } from './job.ts';
import type { Lane } from './lane/lane.ts';

/**
 * What a worker takes in. Refused at once is what finds no room, and what could not be answered in time: an error
 * now, with a pause that fits, is worth more to a caller than a timeout later. One tenant's flood is told to wait
 * when others aren't.
 */
export class QueueLimits {
  readonly #limits: Limits;
  readonly #shares: QueueShares;

  readonly #delayUs: () => number;

  /** `delayUs`: how long a request that comes now would wait. */
  constructor(limits: Limits, delayUs: () => number) {
    this.#limits = limits;
    this.#delayUs = delayUs;
    this.#shares = new QueueShares({ requests: limits.workerQueueRequests, bytes: limits.workerQueueBytes });
  }

  /** OVERLOADED when all or the tenant have as much waiting as they may. */
  full(job: Job): ShoalError | undefined {
    const whose = this.#shares.refusal(job.tenant, job.section.byteLength);
    if (whose === undefined) return undefined;
    const { workerQueueRequests, workerQueueBytes } = this.#limits;
    const { requests, bytes } = this.#shares;
    const holds = `${requests} requests of ${workerQueueRequests}, ${bytes} bytes of ${workerQueueBytes}`;
    const message =
      whose === 'queue'
        ? `the worker's queue is full: ${holds}`
        : `tenant ${job.tenant} has as much waiting in the worker as is free for all others: ${holds}`;
    return overloaded(message, Math.max(this.#delayUs() / 1_000, this.#shares.ownWaitMs(job.tenant)));
  }

  /** OVERLOADED when its turn would come too late. `way`: what it waits for. */
  late(job: Job, way: Pick<Lane, 'delayUs'>, nowMs: number): ShoalError | undefined {
    if (job.background) return undefined;
    const leftMs = Math.max(0, job.expiresAtMs - nowMs) * WAIT_SHARE;
    const ownMs = this.#shares.ownWaitMs(job.tenant);
    // Turns are only counted when the wait behind everything would be too long.
    const turnMs = way.delayUs() <= leftMs * 1_000 ? 0 : way.delayUs(job.tenant) / 1_000;
    const waitMs = Math.max(ownMs, turnMs);
    if (waitMs <= leftMs) return undefined;
    const message = `the request would wait ${Math.ceil(waitMs)} ms for its turn in the worker, and has ${Math.ceil(job.expiresAtMs - nowMs)} ms left`;
    return overloaded(message, waitMs);
  }

  enter(job: Job, nowMs: number): void {
    job.queued = true;
    this.#shares.add(job.tenant, job.section.byteLength, nowMs);
  }

  /** `answeredAtMs`: it was run. */
  leave(job: Job, answeredAtMs?: number): void {
    if (!job.queued) return;
    if (answeredAtMs !== undefined) this.#shares.answered(job.tenant, answeredAtMs);
    this.#shares.remove(job.tenant, job.section.byteLength);
  }
}
