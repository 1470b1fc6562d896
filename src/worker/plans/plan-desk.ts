import { setTimeout } from 'node:timers/promises';
import { overloaded, type ShoalError } from '../../core/errors.ts';
import type { Limits } from '../../core/limits.ts';
import type { WarmRequest } from '../../wire/control.ts';
import type { ModelKey } from '../../wire/model-key.ts';
import { toFailure } from '../../wire/lane.ts';
import type { FetchWaiter, Fetches } from '../fetch/fetches.ts';
import type { Fetched } from '../fetch/model-fetcher.ts';
import type { Job } from '../job.ts';
import { EXPIRED, SUSPECT_BACKGROUND } from '../lane/failures.ts';
import type { Suspects } from '../lane/suspects.ts';
import type { Lanes, Placed } from '../lanes.ts';
import { lastCallMs } from '../last-call.ts';
import type { Lease } from '../lease.ts';
import type { WorkerMetrics } from '../metrics.ts';
import type { Loaded, PlanLoads } from './plan-loads.ts';
import type { PlanRoom } from './plan-room.ts';
import { PlanQueue } from './plan-queue.ts';
import type { PlanRunner } from './plan-runner.ts';
import type { ResidentPlans } from './resident-plans.ts';

/** What a cold request is taken to need: a read from disk, a copy, a run. */
const COLD_US = 100;
const NO_SPARE = overloaded('no memory is spare for background work', 0);
/** How soon one that waits for memory looks again when nobody has said that there is some. */
const RECHECK_MS = 20;

export interface PlanLease extends Lease {
  readonly plan: number;
}

export interface PlanDeskOptions {
  readonly plans: ResidentPlans;
  readonly room: Pick<PlanRoom, 'isSpare'>;
  readonly loads: PlanLoads;
  /** Absent: all plans are on this machine. */
  readonly fetches?: Fetches | undefined;
  readonly runner: PlanRunner;
  readonly lanes: Pick<Lanes, 'forPlan'>;
  readonly suspects: Pick<Suspects, 'has'>;
  readonly metrics: WorkerMetrics;
  readonly limits: Limits;
  readonly clock: () => number;
}

/**
 * Requests for plans: short runs at once on the main thread, long ones and those in the background in a lane, cold
 * ones loaded on the way. A job has its turn (plan-queue.ts), and a place here while it waits for memory or a fetch.
 */
export class PlanDesk {
  readonly #options: PlanDeskOptions;
  readonly #queue: PlanQueue<Job>;
  /** Waiting for memory, in order, until when. */
  readonly #parked = new Map<Job, number>();
  /** Waiting for their plan to come, and artifacts if it is none. */
  readonly #fetching = new Map<Job, FetchWaiter>();
  readonly #onAbsent: (job: Job) => void;
  #recheck: NodeJS.Timeout | undefined;

  /** `onAbsent`: there is no such plan; it is a session's. */
  constructor(options: PlanDeskOptions, onAbsent: (job: Job) => void) {
    this.#options = options;
    this.#onAbsent = onAbsent;
    this.#queue = new PlanQueue(options.clock, (job, nowMs) => this.#serve(job, nowMs));
  }

  /** Resident plans; -1: not one of them. */
  find(key: string): number {
    return this.#options.plans.find(key);
  }

  /** How long a request would wait here. */
  delayUs(tenant?: string): number {
    return this.#queue.delayUs(tenant);
  }

  /** What a job would wait for: this desk, or a lane. */
  wayOf(job: Job, handle: number): Pick<Placed['lane'], 'delayUs'> {
    if (handle < 0 || !this.#isForLane(job, handle)) return this;
    return this.#options.lanes.forPlan(job.key);
  }

  /** `handle`: as `find` has just said. */
  submit(job: Job, handle: number): void {
    const { runner, clock } = this.#options;
    if (handle >= 0 && this.#isForLane(job, handle)) this.#toLane(job, handle, clock());
    else this.#queue.push(job, handle < 0 ? COLD_US : runner.estimateUs(handle, job.section));
  }

  /** Takes a job back that is neither run nor in a lane. */
  cancel(job: Job): boolean {
    const waiter = this.#fetching.get(job);
    if (waiter !== undefined) this.#options.fetches?.leave(job.key, waiter);
    const wasHere = this.#parked.delete(job) || this.#fetching.delete(job);
    return this.#queue.delete(job) || wasHere;
  }

  unlease(lease: PlanLease): void {
    const { plans } = this.#options;
    if (lease.placed.hasRun === true) plans.table.noteRun(lease.plan);
    plans.unlease(lease.plan);
  }

  /** There may be memory: those that wait for it have a turn each. */
  retry(): void {
    clearTimeout(this.#recheck);
    this.#recheck = undefined;
    for (const job of this.#parked.keys()) this.#queue.push(job, COLD_US);
  }

  /** Loads what no request has asked for; false: there is no memory to spare; undefined: it is no plan. Rejects with a ShoalError. */
  async warm(
    { key, residentBytes }: Pick<WarmRequest, 'key' | 'residentBytes'>,
    onlySpare: boolean,
  ): Promise<number | false | undefined> {
    const { plans, loads, limits, clock } = this.#options;
    const untilMs = clock() + limits.warmMs;
    for (;;) {
      const found = plans.find(key);
      const loaded = found >= 0 ? found : loads.load(key, onlySpare);
      if (typeof loaded === 'number') return loaded;
      if (loaded === 'absent') return undefined;
      if (loaded === 'no-spare') return false;
      if (loaded === 'elsewhere') {
        if (onlySpare && !this.#isSpare(residentBytes)) return false;
        if ((await this.#fetched(key, residentBytes, untilMs)) === 'artifact') return undefined;
        continue;
      }
      if (clock() >= untilMs)
        throw overloaded(
          `the model's plan was not loaded within ${limits.warmMs} ms (limit warmMs)`,
          RECHECK_MS,
        );
      await setTimeout(loaded === 'more' ? 0 : RECHECK_MS);
    }
  }

  /** `Pins` has it. */
  pinned(handle: number): void {
    this.#options.plans.pinned(handle);
  }

  close(): void {
    clearTimeout(this.#recheck);
  }

  #isForLane(job: Job, handle: number): boolean {
    const { runner, suspects, limits } = this.#options;
    return (
      job.background || suspects.has(job.key) || runner.estimateUs(handle, job.section) > limits.planRunUs
    );
  }

  #serve(job: Job, nowMs: number): void {
    try {
      if (job.expiresAtMs <= nowMs) return this.#parked.has(job) ? this.#noRoom(job) : this.#expire(job);
      const found = this.#options.plans.find(job.key);
      const loaded = found >= 0 ? found : this.#load(job);
      if (typeof loaded === 'number') return this.#go(job, loaded, nowMs);
      if (loaded === 'absent') return this.#leave(job, () => this.#onAbsent(job));
      if (loaded === 'no-spare') return this.#fail(job, NO_SPARE);
      if (loaded === 'elsewhere') return this.#fetch(job);
      this.#park(job, loaded, nowMs);
    } catch (error) {
      const { code, message } = toFailure(error);
      this.#leave(job, () => job.fail(code, message, code === 'STORE_UNAVAILABLE' ? RECHECK_MS : 0));
    }
  }

  /** Nothing has to wait for the fetch of such a model, or to go for its load. */
  #isSpare(residentBytes: number): boolean {
    const { fetches, room } = this.#options;
    return fetches?.isBusy !== true && room.isSpare(residentBytes);
  }

  #fetch(job: Job): void {
    this.#parked.delete(job);
    if (job.background && !this.#isSpare(job.residentBytes)) return this.#fail(job, NO_SPARE);
    const waiter: FetchWaiter = {
      expiresAtMs: job.expiresAtMs,
      fetched: (what) => {
        this.#fetching.delete(job);
        if (what === 'plan') this.#queue.push(job, COLD_US);
        else this.#onAbsent(job);
      },
      failed: (error) => {
        this.#fetching.delete(job);
        this.#fail(job, error);
      },
    };
    const refusal = this.#options.fetches?.join(job.key, job.residentBytes, waiter);
    if (refusal === undefined) this.#fetching.set(job, waiter);
    else this.#fail(job, refusal);
  }

  #fetched(key: ModelKey, residentBytes: number, expiresAtMs: number): Promise<Fetched> {
    return new Promise((resolve, reject) => {
      const waiter: FetchWaiter = { expiresAtMs, fetched: resolve, failed: reject };
      const refusal = this.#options.fetches?.join(key, residentBytes, waiter);
      if (refusal !== undefined) reject(refusal);
    });
  }

  #load(job: Job): Loaded {
    const loaded = this.#options.loads.load(job.key, job.background);
    if (loaded !== 'absent') job.cold = true;
    return loaded;
  }

  #go(job: Job, handle: number, nowMs: number): void {
    this.#parked.delete(job);
    if (this.#isForLane(job, handle)) this.#toLane(job, handle, nowMs);
    else this.#run(job, handle, nowMs);
  }

  #run(job: Job, handle: number, nowMs: number): void {
    const { plans, runner, metrics, clock } = this.#options;
    const startedMs = job.cold ? clock() : nowMs;
    if (!job.background) plans.use(handle, startedMs);
    job.beginHere(startedMs);
    let section: Uint8Array;
    try {
      section = runner.run(handle, job.section);
    } catch (error) {
      job.end({ ok: false, failure: toFailure(error), runUs: (clock() - startedMs) * 1_000 });
      return;
    }
    plans.table.noteRun(handle);
    metrics.planRuns.inc({ where: 'inline' });
    job.end({ ok: true, section, runUs: (clock() - startedMs) * 1_000 });
  }

  #toLane(job: Job, handle: number, nowMs: number): void {
    const { plans, runner, lanes, suspects, metrics } = this.#options;
    if (job.background && suspects.has(job.key)) {
      queueMicrotask(() => job.fail(SUSPECT_BACKGROUND.code, SUSPECT_BACKGROUND.message, 0));
      return;
    }
    if (!job.background) plans.use(handle, nowMs);
    const { table, structures } = plans;
    plans.lease(handle);
    const placed: Placed = {
      handle: 0,
      lane: lanes.forPlan(job.key),
      plan: {
        ...table.locate(handle),
        structure: structures.byId(table.fields.structures[handle] as number),
      },
      runUs: runner.estimateUs(handle, job.section),
      hasRun: table.hasRun(handle),
    };
    metrics.planRuns.inc({ where: 'lane' });
    const lease: PlanLease = { key: job.key, tenant: job.tenant, placed, plan: handle };
    job.enqueue(lease);
  }

  /** Until there is memory, but no longer than cold models may wait for it. */
  #park(job: Job, why: 'soon' | 'more' | 'full', nowMs: number): void {
    const { limits } = this.#options;
    const untilMs =
      this.#parked.get(job) ?? nowMs + Math.min(lastCallMs(job.expiresAtMs - nowMs), limits.memoryWaitMs);
    if (untilMs <= nowMs) return this.#noRoom(job);
    this.#parked.set(job, untilMs);
    if (why === 'more') setImmediate(() => this.#parked.has(job) && this.#queue.push(job, COLD_US));
    else this.#recheck ??= globalThis.setTimeout(() => this.retry(), RECHECK_MS);
  }

  #noRoom(job: Job): void {
    const { limits, metrics } = this.#options;
    metrics.loadsRefused.inc({ reason: 'memory' });
    const message = `no room to load the model's plan within ${limits.memoryWaitMs} ms or the caller's deadline: all memory is in use`;
    this.#fail(job, overloaded(message, limits.memoryWaitMs));
  }

  #expire(job: Job): void {
    this.#options.metrics.expired.inc();
    this.#leave(job, () => job.fail(EXPIRED.code, EXPIRED.message, 0));
  }

  #fail(job: Job, { code, message, status, retryAfterSeconds }: ShoalError): void {
    const retryAfterMs = status === 503 ? Math.max(10, Math.ceil(retryAfterSeconds * 1_000)) : 0;
    this.#leave(job, () => job.fail(code, message, retryAfterMs));
  }

  #leave(job: Job, then: () => void): void {
    this.#parked.delete(job);
    then();
  }
}
