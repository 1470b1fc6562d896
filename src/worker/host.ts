import { ShoalError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { WarmAnswer, WarmRequest } from '../wire/control.ts';
import type { RequestFrame } from '../wire/frames.ts';
import type { ModelKey } from '../wire/model-key.ts';
import { Job, type JobOwner, type JobResult, type Reply } from './job.ts';
import type { Lanes } from './lanes.ts';
import type { WorkerMetrics } from './metrics.ts';
import type { Lease, Waiter } from './lease.ts';
import type { PlanDesk, PlanLease } from './plans/plan-desk.ts';
import { QueueLimits } from './queue-limits.ts';
import type { Residency } from './residency.ts';
import { lastCallMs } from './last-call.ts';
import { warm } from './warm.ts';

export interface HostOptions {
  readonly limits: Limits;
  readonly lanes: Lanes;
  readonly residency: Residency;
  /** Absent: every model is a session's. `onAbsent`: the job isn't one of plans. */
  readonly plans?: ((onAbsent: (job: Job) => void) => PlanDesk) | undefined;
  readonly metrics: WorkerMetrics;
  readonly clock: () => number;
  /** A failure with code INTERNAL is a bug: its message goes here, and not to the caller. */
  readonly onBug: (message: string) => void;
}

const MIN_RETRY_AFTER_MS = 10;

/**
 * The story of one request in a worker: is there room, is the model resident (else load it, once for all that
 * wait), then its lane's queue, then the answer. Plain callbacks: this is the hot path of the whole fleet.
 */
export class Host implements JobOwner {
  readonly clock: () => number;
  readonly #options: HostOptions;
  readonly #metrics: WorkerMetrics;
  readonly #queue: QueueLimits;
  readonly #plans: PlanDesk | undefined;
  #requests = 0;
  #draining = false;
  #onIdle: (() => void) | undefined;

  constructor(options: HostOptions) {
    this.#options = options;
    this.#metrics = options.metrics;
    this.#queue = new QueueLimits(options.limits, () => this.queueDelayUs());
    this.#plans = options.plans?.((job) => this.#submitToSession(job, this.clock()));
    this.clock = options.clock;
  }

  get draining(): boolean {
    return this.#draining;
  }

  /** Loading, waiting or running now. */
  get requests(): number {
    return this.#requests;
  }

  /** `reply` is called once, never from in here, and not at all after `cancel`. */
  submit(request: RequestFrame, reply: Reply): Job {
    const { limits, residency } = this.#options;
    const job = new Job(this, request, Math.min(request.timeoutMs, limits.deadlineMs), reply);
    this.#requests++;
    const nowMs = this.clock();
    const refusal = this.#stopping() ?? this.#queue.full(job);
    if (refusal !== undefined) {
      this.#refuse(job, refusal);
      return job;
    }
    const handle = this.#plans?.find(request.key) ?? -1;
    // What is neither here nor known as a session may be a plan: it is looked for.
    if (this.#plans !== undefined && (handle >= 0 || residency.copy(request.key) === undefined))
      this.#submitToPlans(this.#plans, job, handle, nowMs);
    else this.#submitToSession(job, nowMs);
    return job;
  }

  #submitToPlans(plans: PlanDesk, job: Job, handle: number, nowMs: number): void {
    const late = this.#queue.late(job, plans.wayOf(job, handle), nowMs);
    if (late !== undefined) return this.#refuse(job, late);
    this.#queue.enter(job, nowMs);
    plans.submit(job, handle);
  }

  #submitToSession(job: Job, nowMs: number): void {
    const { residency } = this.#options;
    const { key, background, residentBytes } = job;
    const lease = residency.lease(key, background);
    const late = lease === undefined ? undefined : this.#queue.late(job, lease.placed.lane, nowMs);
    if (lease !== undefined && late !== undefined) {
      this.unlease(lease);
      return this.#refuse(job, late);
    }
    if (!job.queued) this.#queue.enter(job, nowMs);
    if (lease === undefined && background && !residency.hasSpare(residentBytes)) {
      const message = 'no memory is spare for background work';
      queueMicrotask(() => job.fail('OVERLOADED', message, this.#retryAfterMs()));
    } else if (lease === undefined) this.#load(job, residentBytes);
    else job.enqueue(lease);
  }

  /** The caller has gone. A run that has begun goes on, for nobody. */
  cancel(job: Job): void {
    if (job.settled) return;
    job.drop();
    this.#leave(job);
    const { lease } = job;
    if (job.stopLoading !== undefined) job.stopLoading();
    else if (lease === undefined) {
      if (this.#plans?.cancel(job) !== true) return;
    } else if (lease.placed.lane.cancel(job)) this.unlease(lease);
    else return;
    this.#metrics.cancelled.inc();
  }

  /** Rejects with a ShoalError. */
  async warm(request: WarmRequest): Promise<WarmAnswer> {
    const { limits, residency } = this.#options;
    const { ifResident } = request;
    if (ifResident !== undefined && !this.#isResident(ifResident)) return { loaded: false };
    const refusal = this.#stopping();
    if (refusal !== undefined) throw refusal;
    return warm(residency, request, limits, this.clock, this.#plans);
  }

  #isResident(key: ModelKey): boolean {
    return this.#options.residency.isResident(key) || (this.#plans?.find(key) ?? -1) >= 0;
  }

  /** Memory of sessions or plans is free. */
  onFreed(): void {
    this.#plans?.retry();
  }

  /** Refuses what comes from now on; resolves when nothing is left, or after `limits.drainMs`: false then. */
  drain(): Promise<boolean> {
    this.#draining = true;
    if (this.#requests === 0) return Promise.resolve(true);
    return new Promise((resolve) => {
      const timer = setTimeout(() => resolve(false), this.#options.limits.drainMs);
      this.#onIdle = () => {
        clearTimeout(timer);
        resolve(true);
      };
    });
  }

  queueDelayUs(): number {
    return this.#options.lanes.queueDelayUs() + (this.#plans?.delayUs() ?? 0);
  }

  unlease(lease: Lease): void {
    if ('plan' in lease) this.#plans?.unlease(lease as PlanLease);
    else this.#options.residency.release(lease);
  }

  settled(job: Job, result: JobResult): void {
    const wasRun = result.ok || result.code === 'MODEL_FAILED';
    this.#leave(job, wasRun ? this.clock() : undefined);
    const timings = job.timings();
    if (result.ok) {
      this.#metrics.queueSeconds.observe(timings.queueUs / 1e6);
      this.#metrics.runSeconds.observe(timings.runUs / 1e6);
    }
    job.reply(this.#presentable(result), timings);
  }

  #leave(job: Job, answeredAtMs?: number): void {
    this.#requests--;
    this.#queue.leave(job, answeredAtMs);
    if (this.#requests === 0 && this.#onIdle !== undefined) this.#onIdle();
  }

  #presentable(result: JobResult): JobResult {
    if (result.ok || result.code !== 'INTERNAL') return result;
    this.#options.onBug(result.message);
    return { ...result, message: 'internal error in a worker' };
  }

  #stopping(): ShoalError | undefined {
    return this.#draining ? new ShoalError('SHUTTING_DOWN', 'the worker is stopping') : undefined;
  }

  #refuse(job: Job, { code, message, retryAfterSeconds }: ShoalError): void {
    if (code === 'OVERLOADED') this.#metrics.refused.inc();
    const retryAfterMs = Math.max(MIN_RETRY_AFTER_MS, Math.ceil(retryAfterSeconds * 1_000));
    queueMicrotask(() => job.fail(code, message, retryAfterMs));
  }

  /** When what waits now will have been worked off. */
  #retryAfterMs(): number {
    return Math.max(MIN_RETRY_AFTER_MS, Math.ceil(this.queueDelayUs() / 1_000));
  }

  #load(job: Job, residentBytes: number): void {
    const { residency } = this.#options;
    job.cold = true;
    const waiter: Waiter = {
      expiresAtMs: job.expiresAtMs,
      background: job.background,
      loaded: (lease) => {
        clearTimeout(timer);
        job.stopLoading = undefined;
        job.enqueue(lease);
      },
      failed: (error) => {
        clearTimeout(timer);
        job.stopLoading = undefined;
        const retryAfterMs = Math.max(this.#retryAfterMs(), Math.ceil(error.retryAfterSeconds * 1_000));
        job.fail(error.code, error.message, error.status === 503 ? retryAfterMs : 0);
      },
    };
    job.stopLoading = () => {
      clearTimeout(timer);
      job.stopLoading = undefined;
      residency.abandon(job.key, waiter);
    };
    const onDeadline = (): void => {
      job.stopLoading?.();
      this.#metrics.expired.inc();
      job.fail('DEADLINE_EXCEEDED', 'the deadline passed while the model was being loaded', 0);
    };
    const onLastCall = (): void => {
      const refusal = residency.giveUp(job.key, waiter);
      if (refusal !== undefined) waiter.failed(refusal);
      else timer = setTimeout(onDeadline, Math.max(0, job.expiresAtMs - this.clock()));
    };
    const leftMs = Math.max(0, job.expiresAtMs - this.clock());
    let timer = setTimeout(onLastCall, lastCallMs(leftMs));
    residency.load(job.key, residentBytes, waiter);
  }
}
