import { availableParallelism } from 'node:os';
import type { Logger } from 'pino';
import { ShoalError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { ModelConfig } from '../model/config.ts';
import type { AdmissionAnswer, AdmissionFindings } from '../wire/admission.ts';
import { AdmissionChild, type Death, type Trial } from './admission-child.ts';
import type { ManagerMetrics } from './metrics.ts';

export interface AdmissionRequest {
  readonly bytes: number;
  /** Called when a process is free, so that what waits holds no artifact in memory unless its caller does. */
  readonly read: () => Promise<Uint8Array>;
  readonly config: ModelConfig;
  /** Who asked has gone: dropped if it has not begun. */
  readonly signal?: AbortSignal;
}

export interface AdmissionPool {
  /** Throws what the test throws; ADMISSION_FAILED for a crash, a hang or too much memory; OVERLOADED. */
  admit(request: AdmissionRequest): Promise<AdmissionFindings>;
  /** Ends every process; what is under way or waits fails with SHUTTING_DOWN. */
  close(): Promise<void>;
}

export interface AdmissionPoolDeps {
  readonly limits: Pick<
    Limits,
    'admissionMs' | 'admissionBytes' | 'planBytes' | 'admissionQueue' | 'admissionAheadBytes'
  >;
  readonly metrics: ManagerMetrics;
  readonly logger: Logger;
  /** Processes at most; the cores of this machine by default. One is kept warm. */
  readonly processes?: number;
}

/** Artifacts sent ahead to a process, so that it never waits for the next. More gains nothing. */
const AHEAD = 4;
/** A process is replaced after so many tests, or when it has grown by so much. */
const TESTS_A_PROCESS = 5_000;
const GROWTH_BYTES = 512 * 1024 * 1024;
const IDLE_MS = 60_000;
const START_ATTEMPTS = 3;

interface Job extends AdmissionRequest {
  readonly resolve: (findings: AdmissionFindings) => void;
  readonly reject: (error: Error) => void;
  /** A process died under it, which proves nothing yet: it is tried once more, alone in a fresh process. */
  alone: boolean;
}

interface JobTrial extends Trial {
  readonly job: Job;
}

interface Slot {
  readonly child: AdmissionChild<JobTrial>;
  /** Given to it and not answered, those still being read included. */
  jobs: number;
  bytes: number;
  tests: number;
  firstRssBytes: number;
  retiring: boolean;
  idle: NodeJS.Timeout | undefined;
}

export function createAdmissionPool(deps: AdmissionPoolDeps): AdmissionPool {
  const pool = new Pool(deps);
  pool.dispatch();
  return pool;
}

class Pool implements AdmissionPool {
  readonly #deps: AdmissionPoolDeps;
  readonly #maxProcesses: number;
  readonly #slots = new Set<Slot>();
  #queue: Job[] = [];
  #failedStarts = 0;
  #closed = false;

  constructor(deps: AdmissionPoolDeps) {
    this.#deps = deps;
    this.#maxProcesses = deps.processes ?? availableParallelism();
  }

  admit(request: AdmissionRequest): Promise<AdmissionFindings> {
    const { admissionQueue } = this.#deps.limits;
    if (this.#closed) return Promise.reject(closing());
    if (this.#queue.length >= admissionQueue) {
      const message = `${admissionQueue} admission tests are waiting already (limit admissionQueue)`;
      return Promise.reject(new ShoalError('OVERLOADED', message));
    }
    const { promise, resolve, reject } = Promise.withResolvers<AdmissionFindings>();
    this.#queue.push({ ...request, resolve, reject, alone: false });
    this.dispatch();
    return promise;
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const job of this.#queue.splice(0)) job.reject(closing());
    await Promise.all([...this.#slots].map((slot) => slot.child.release()));
  }

  /** Gives waiting jobs to processes with room, and starts processes while there are more jobs than those take. */
  dispatch(): void {
    if (this.#closed) return;
    this.#queue = this.#queue.filter((job) => !this.#dropIfGone(job));
    while (this.#queue.length > 0) {
      const job = this.#queue[0] as Job;
      const slot = this.#slotFor(job);
      if (slot === undefined) {
        if (job.alone) this.#makeRoom();
        break;
      }
      this.#queue.shift();
      void this.#give(slot, job);
    }
    const active = [...this.#slots].filter((slot) => !slot.retiring);
    const starting = active.filter((slot) => !slot.child.ready).length;
    const wanted = Math.max(this.#queue.length - starting * AHEAD, active.length === 0 ? 1 : 0);
    if (wanted > 0 && active.length < this.#maxProcesses) this.#start();
  }

  #dropIfGone(job: Job): boolean {
    if (job.signal?.aborted !== true) return false;
    job.reject(new ShoalError('REQUEST_TIMEOUT', 'the caller went away before its admission test began'));
    return true;
  }

  /** A job that must be alone waits for a fresh process, in front of all others: an idle one gives way to it. */
  #makeRoom(): void {
    const active = [...this.#slots].filter((slot) => !slot.retiring);
    const idle = active.find((slot) => slot.child.ready && slot.jobs === 0);
    if (active.length >= this.#maxProcesses && idle !== undefined) this.#retire(idle);
  }

  /** The least busy of those with room; for a job that must be alone, a process that has tested nothing. */
  #slotFor(job: Job): Slot | undefined {
    let best: Slot | undefined;
    for (const slot of this.#slots) {
      if (!slot.child.ready || slot.retiring) continue;
      if (job.alone && slot.jobs + slot.tests > 0) continue;
      const full = slot.jobs >= AHEAD || slot.bytes + job.bytes > this.#deps.limits.admissionAheadBytes;
      if (slot.jobs > 0 && full) continue;
      if (best === undefined || slot.jobs < best.jobs) best = slot;
    }
    return best;
  }

  async #give(slot: Slot, job: Job): Promise<void> {
    clearTimeout(slot.idle);
    slot.jobs++;
    slot.bytes += job.bytes;
    if (job.alone) slot.retiring = true;
    try {
      const artifact = await job.read();
      if (!this.#slots.has(slot)) {
        this.#again([job]);
        this.dispatch();
      } else slot.child.send({ artifact, config: job.config, job });
    } catch (error) {
      this.#finished(slot, job);
      job.reject(error as Error);
      this.dispatch();
    }
  }

  #finished(slot: Slot, job: Job): void {
    slot.jobs--;
    slot.bytes -= job.bytes;
    if (slot.jobs > 0) return;
    if (slot.retiring) void slot.child.release();
    else if (this.#slots.size > 1) slot.idle = setTimeout(() => this.#retire(slot), IDLE_MS).unref();
  }

  #retire(slot: Slot): void {
    slot.retiring = true;
    if (slot.jobs === 0) void slot.child.release();
  }

  #start(): void {
    const child = new AdmissionChild<JobTrial>(this.#deps.limits, {
      onReady: () => {
        this.#failedStarts = 0;
        this.#deps.logger.debug({ admissionPid: child.pid }, 'an admission process is ready');
        this.dispatch();
      },
      onAnswer: (trial, answer, elapsedMs) => this.#onAnswer(slot, trial.job, answer, elapsedMs),
      onDeath: (death, trials) =>
        this.#onDeath(
          slot,
          death,
          trials.map((trial) => trial.job),
        ),
    });
    const slot: Slot = {
      child,
      jobs: 0,
      bytes: 0,
      tests: 0,
      firstRssBytes: 0,
      retiring: false,
      idle: undefined,
    };
    this.#slots.add(slot);
  }

  #onAnswer(slot: Slot, job: Job, { result, rssBytes }: AdmissionAnswer, elapsedMs: number): void {
    this.#deps.metrics.admissionSeconds.observe(elapsedMs / 1000);
    slot.tests++;
    slot.firstRssBytes ||= rssBytes;
    if (slot.tests >= TESTS_A_PROCESS || rssBytes - slot.firstRssBytes > GROWTH_BYTES) {
      if (!slot.retiring) this.#deps.metrics.admissionReplacements.labels('worn').inc();
      slot.retiring = true;
    }
    this.#finished(slot, job);
    if (result.ok) job.resolve(result.findings);
    else job.reject(new ShoalError(result.code, result.message, { details: result.details }));
    this.dispatch();
  }

  #onDeath(slot: Slot, death: Death, jobs: readonly Job[]): void {
    this.#slots.delete(slot);
    clearTimeout(slot.idle);
    if (this.#closed) {
      for (const job of jobs) job.reject(closing());
      return;
    }
    if (death.reason !== 'released') {
      const { reason, stderr } = death;
      this.#deps.metrics.admissionReplacements.labels(reason).inc();
      this.#deps.logger.warn({ reason, stderr, admissionPid: slot.child.pid }, 'an admission process died');
    }
    const [culprit, ...others] = jobs;
    this.#again(others);
    if (culprit !== undefined) this.#judge(culprit, death, slot.tests);
    if (death.reason === 'start' && ++this.#failedStarts >= START_ATTEMPTS) this.#giveUp();
    else this.dispatch();
  }

  /** A kill may come from outside, and a crash from what an artifact before this one did to the process. */
  #judge(culprit: Job, death: Death, testsBefore: number): void {
    const isProof = death.reason !== 'killed' && (death.reason !== 'crash' || testsBefore === 0);
    if (!isProof && !culprit.alone) {
      culprit.alone = true;
      this.#again([culprit]);
    } else {
      culprit.reject(new ShoalError('ADMISSION_FAILED', this.#words(death)));
    }
  }

  #words(death: Death): string {
    const { admissionMs, admissionBytes } = this.#deps.limits;
    switch (death.reason) {
      case 'hang':
        return `the model hung: its admission test did not end within ${admissionMs} ms (limit admissionMs)`;
      case 'memory':
        return `the model needs too much memory: its admission test grew by more than ${admissionBytes} bytes (limit admissionBytes)`;
      case 'crash':
        return `the model crashed the process of its admission test (${death.how})`;
      default:
        return 'the process of its admission test died twice, at last by SIGKILL, as when the machine runs out of memory';
    }
  }

  #again(jobs: readonly Job[]): void {
    if (this.#closed) for (const job of jobs) job.reject(closing());
    else this.#queue.unshift(...jobs);
  }

  /** No process comes up: whoever waits hears of it, and the next request tries anew. */
  #giveUp(): void {
    this.#failedStarts = 0;
    this.#deps.logger.error('admission processes do not start');
    const error = new ShoalError('OVERLOADED', 'no admission process could be started; try again');
    for (const job of this.#queue.splice(0)) job.reject(error);
  }
}

function closing(): ShoalError {
  return new ShoalError('SHUTTING_DOWN', 'the manager is stopping');
}
