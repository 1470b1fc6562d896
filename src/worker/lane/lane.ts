import { Piscina } from 'piscina';
import type { Limits } from '../../core/limits.ts';
import { FairQueue } from '../../core/fair-queue.ts';
import {
  fromFailure,
  type LaneAnswer,
  type LaneFailure,
  type LaneTask,
  OUTCOME_FIELDS,
} from '../../wire/lane.ts';
import { HEAD_BYTES, maxFrameBytes } from '../../wire/frames.ts';
import type { WorkerMetrics } from '../metrics.ts';
import { type Batch, type LaneRun, type LoadJob, makeTask, type ReleaseJob } from './batch.ts';

/** A message stops before a run that would make the others in it wait longer. */
const MAX_BATCH_US = 2_000;
/** What a run or load is taken to last before one was seen. */
const UNSEEN_RUN_US = 500;
const UNSEEN_LOAD_US = 2_000;
const AVERAGE_SHARE = 0.2;

export interface LaneOptions {
  readonly clock: () => number;
  readonly metrics: WorkerMetrics;
  readonly limits: Limits;
  /** The thread is gone and its sessions with it; called for every message that this fails. */
  readonly onLost: (error: Error) => void;
}

/**
 * One thread and what waits for it. While the thread works on a message everything that arrives is gathered; the
 * next message takes of it in turns by tenant. Loads travel alone, between two messages of runs, so that a
 * long load delays no answer that is ready.
 */
export class Lane {
  readonly #pool: Piscina<LaneTask, LaneAnswer>;
  readonly #clock: () => number;
  readonly #metrics: WorkerMetrics;
  readonly #onLost: (error: Error) => void;
  readonly #limits: LaneOptions['limits'];
  readonly #maxSectionBytes: number;
  readonly #watchdog: NodeJS.Timeout;
  readonly #overrun: NodeJS.Timeout;
  /** Keys of the runs that have held the lane for too long. */
  #heldBy: ReadonlySet<string> | undefined;
  readonly #runs = new FairQueue<LaneRun>();
  readonly #background = new FairQueue<LaneRun>();
  #loads: LoadJob[] = [];
  #releases: ReleaseJob[] = [];
  #turnScheduled = false;
  /** What the thread works on. */
  #sent: Batch | undefined;
  #closing = false;
  #loadsNext = false;
  #waitingUs = 0;
  #sentUs = 0;
  #sentAtMs = 0;
  #loadUs = UNSEEN_LOAD_US;

  constructor(options: LaneOptions) {
    this.#clock = options.clock;
    this.#metrics = options.metrics;
    this.#onLost = options.onLost;
    this.#limits = options.limits;
    this.#maxSectionBytes = maxFrameBytes(options.limits) - HEAD_BYTES;
    this.#watchdog = setTimeout(() => this.#checkHang(), this.#limits.laneHangMs);
    this.#overrun = setTimeout(() => this.#onOverrun(), this.#limits.laneOverrunMs);
    this.#pool = new Piscina<LaneTask, LaneAnswer>({
      filename: new URL('./thread.ts', import.meta.url).href,
      minThreads: 1,
      maxThreads: 1,
      recordTiming: false,
    });
    this.#pool.on('error', (error: Error) => this.#onLost(error));
  }

  /** Resolves when the thread has started. */
  async ready(): Promise<void> {
    await this.#pool.run(makeTask({ releases: [], loads: [], runs: [] }, this.#maxSectionBytes));
  }

  /** How long something arriving now would wait. What overruns its time is taken to last as long again. */
  delayUs(): number {
    const sentUs =
      this.#sent !== undefined ? Math.abs(this.#sentUs - (this.#clock() - this.#sentAtMs) * 1_000) : 0;
    return this.#waitingUs + sentUs + this.#loads.length * this.#loadUs;
  }

  run(run: LaneRun): void {
    if (this.#heldBy !== undefined && !this.#heldBy.has(run.key))
      queueMicrotask(() => this.#sendElsewhere(run));
    else if (run.background) this.#background.push(run.tenant, run);
    else {
      this.#runs.push(run.tenant, run);
      this.#waitingUs += expectedUs(run);
    }
    this.#scheduleTurn();
  }

  /** Takes a run back; false when it is with the thread already. `end` is not called then. */
  cancel(run: LaneRun): boolean {
    if (run.background) return this.#background.delete(run.tenant, run);
    if (!this.#runs.delete(run.tenant, run)) return false;
    this.#forget(run);
    return true;
  }

  /** Resolves to the time that it took. The artifact's buffer is transferred. Rejects with a ShoalError. */
  load(key: string, handle: number, artifact: Uint8Array<ArrayBuffer>): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#loads.push({ key, handle, artifact, resolve, reject });
      this.#scheduleTurn();
    });
  }

  release(handle: number): Promise<void> {
    return new Promise((resolve) => {
      this.#releases.push({ handle, resolve });
      this.#scheduleTurn();
    });
  }

  /** Ends the thread; what still waits or runs is answered as lost. */
  close(): Promise<void> {
    this.#closing = true;
    clearTimeout(this.#watchdog);
    clearTimeout(this.#overrun);
    return this.#pool.destroy();
  }

  /** Not at once: what else the same chunk of a connection brings goes into the same message. */
  #scheduleTurn(): void {
    if (this.#sent !== undefined || this.#turnScheduled) return;
    this.#turnScheduled = true;
    queueMicrotask(() => {
      this.#turnScheduled = false;
      if (this.#sent === undefined) this.#turn();
    });
  }

  #turn(): void {
    const batch = this.#gather();
    if (batch.releases.length + batch.loads.length + batch.runs.length === 0) return;
    // A destroyed pool would start a new thread for it.
    if (this.#closing) return this.#lose(batch, new Error('the lane is closed'));
    const nowMs = this.#clock();
    this.#sent = batch;
    this.#sentAtMs = nowMs;
    this.#watchdog.refresh();
    this.#overrun.refresh();
    for (const run of batch.runs) run.begin(nowMs);
    const task = makeTask(batch, this.#maxSectionBytes);
    const transferList = [task.sections, ...task.loads.map((load) => load.artifact.buffer)];
    this.#pool.run(task, { transferList }).then(
      (answer) => this.#settle(batch, answer),
      (error: Error) => this.#lose(batch, error),
    );
  }

  #gather(): Batch {
    const releases = this.#releases;
    this.#releases = [];
    // Runs that have all expired leave their turn to a load: nothing else would call for it.
    let runs = this.#loadsNext && this.#loads.length > 0 ? [] : this.#takeRuns();
    const load = runs.length === 0 ? this.#loads.shift() : undefined;
    this.#loadsNext = load === undefined;
    if (runs.length === 0 && load === undefined) runs = this.#takeBackground();
    if (load !== undefined) this.#sentUs = this.#loadUs;
    return { releases, loads: load === undefined ? [] : [load], runs };
  }

  #takeRuns(): LaneRun[] {
    const runs: LaneRun[] = [];
    this.#sentUs = 0;
    const nowMs = this.#clock();
    while (runs.length < this.#limits.runsPerMessage) {
      const next = this.#runs.peek();
      if (next === undefined) break;
      const runUs = expectedUs(next);
      const expired = next.expiresAtMs <= nowMs;
      if (!expired && runs.length > 0 && this.#sentUs + runUs > MAX_BATCH_US) break;
      this.#runs.shift();
      this.#forget(next);
      if (expired) {
        this.#expire(next);
        continue;
      }
      runs.push(next);
      this.#sentUs += runUs;
    }
    if (runs.length > 0) this.#metrics.laneBatchRuns.observe(runs.length);
    return runs;
  }

  /** One at a time, so that what arrives meanwhile waits for no more than that. */
  #takeBackground(): LaneRun[] {
    const nowMs = this.#clock();
    for (let next = this.#background.shift(); next !== undefined; next = this.#background.shift()) {
      if (next.expiresAtMs > nowMs) {
        this.#sentUs = expectedUs(next);
        return [next];
      }
      this.#expire(next);
    }
    return [];
  }

  #expire(run: LaneRun): void {
    this.#metrics.expired.inc();
    run.end({ ok: false, failure: EXPIRED, runUs: 0 });
  }

  /** The estimate of a model moves while its runs wait, so the sum is only near; nothing waiting makes it exact. */
  #forget(run: LaneRun): void {
    this.#waitingUs = this.#runs.size === 0 ? 0 : Math.max(0, this.#waitingUs - expectedUs(run));
  }

  /**
   * Runs `laneOverrunMs` after the last message was sent. A model whose runs take so long makes its own callers wait;
   * those of other models are better off on the next worker of their shard.
   */
  #onOverrun(): void {
    if (this.#sent === undefined || this.#sent.runs.length === 0) return;
    this.#heldBy = new Set(this.#sent.runs.map(({ key }) => key));
    const waiting = this.#runs.size;
    for (let index = 0; index < waiting; index++) {
      const run = this.#runs.shift() as LaneRun;
      if (this.#heldBy.has(run.key)) this.#runs.push(run.tenant, run);
      else {
        this.#forget(run);
        this.#sendElsewhere(run);
      }
    }
  }

  #sendElsewhere(run: LaneRun): void {
    const message = `runs of another model have held the lane for more than ${this.#limits.laneOverrunMs} ms`;
    run.end({ ok: false, failure: { code: 'OVERLOADED', message }, runUs: 0 });
  }

  /** Runs `laneHangMs` after the last message was sent. A run in native code can't be ended but with its process. */
  #checkHang(): void {
    if (this.#sent === undefined) return;
    const keys = new Set([...this.#sent.loads, ...this.#sent.runs].map(({ key }) => key));
    this.#onLost(
      new Error(
        `a lane gave no answer for ${this.#limits.laneHangMs} ms (limit laneHangMs); it had ${[...keys].join(', ')}`,
      ),
    );
  }

  #settle(batch: Batch, answer: LaneAnswer): void {
    this.#sent = undefined;
    this.#heldBy = undefined;
    for (const job of batch.releases) job.resolve();
    for (const [index, job] of batch.loads.entries()) {
      const loaded = answer.loads[index];
      if (loaded?.ok === true) {
        this.#loadUs += AVERAGE_SHARE * (loaded.loadUs - this.#loadUs);
        job.resolve(loaded.loadUs);
      } else job.reject(fromFailure(loaded?.failure ?? LOST));
    }
    let failed = 0;
    for (const [index, run] of batch.runs.entries()) {
      const at = index * OUTCOME_FIELDS;
      const runUs = answer.outcomes[at + 3] ?? 0;
      run.model.runUs =
        run.model.runUs === undefined ? runUs : run.model.runUs + AVERAGE_SHARE * (runUs - run.model.runUs);
      if (answer.outcomes[at] === 1) {
        const section = new Uint8Array(answer.sections, answer.outcomes[at + 1], answer.outcomes[at + 2]);
        run.end({ ok: true, section, runUs });
      } else run.end({ ok: false, failure: answer.failures[failed++] ?? LOST, runUs });
    }
    this.#scheduleTurn();
  }

  #lose(batch: Batch, error: Error): void {
    if (!this.#closing) this.#onLost(error);
    for (const run of batch.runs) run.end({ ok: false, failure: LOST, runUs: 0 });
    for (const job of batch.loads) job.reject(fromFailure(LOST));
    for (const job of batch.releases) job.resolve();
    this.#sent = undefined;
    this.#heldBy = undefined;
    this.#scheduleTurn();
  }
}

/** Another worker of the shard, or this one when it is back, can answer. */
const LOST: LaneFailure = {
  code: 'SHUTTING_DOWN',
  message: 'a lane of the worker died; the worker starts anew',
};
const EXPIRED: LaneFailure = {
  code: 'DEADLINE_EXCEEDED',
  message: 'the deadline passed while the request waited for its lane',
};

function expectedUs(run: LaneRun): number {
  return run.model.runUs ?? UNSEEN_RUN_US;
}
