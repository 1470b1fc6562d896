import { HEAD_BYTES, maxFrameBytes } from '../../wire/frames.ts';
import { fromFailure, type LaneAnswer, type LaneFailure } from '../../wire/lane.ts';
import type { ModelKey } from '../../wire/model-key.ts';
import {
  type Batch,
  expectedUs,
  type LaneRun,
  lose,
  makeTask,
  noteRun,
  outcomesOf,
  type ReleaseJob,
} from './batch.ts';
import { causeOf, EXPIRED, heldFailure, LOST, SUSPECT_BACKGROUND } from './failures.ts';
import { KnownPlans } from './known-plans.ts';
import { LoadQueue } from './load-queue.ts';
import type { LaneOptions } from './options.ts';
import { type LanePool, startThread } from './pool.ts';
import { RunQueue } from './run-queue.ts';
import type { SuspectsLane } from './suspects.ts';

/** Each takes 50 to 490 us, and they go before what else is in the message. */
const RELEASES_A_MESSAGE = 4;

/**
 * One thread and what waits for it. While the thread works on a message everything that arrives is gathered; the
 * next message takes of it in turns by tenant. Loads travel alone, between two messages of runs, so that a
 * long load delays no answer that is ready.
 */
export class Lane implements SuspectsLane {
  readonly #pool: LanePool;
  readonly #options: LaneOptions;
  readonly #lane: number;
  readonly #maxSectionBytes: number;
  readonly #watchdog: NodeJS.Timeout;
  readonly #overrun: NodeJS.Timeout;
  /** Which of the message the thread is at: wire/lane.ts. */
  readonly #progress = new Int32Array(new SharedArrayBuffer(4));
  readonly #runs: RunQueue;
  readonly #loads: LoadQueue;
  readonly #plans = new KnownPlans();
  #releases: ReleaseJob[] = [];
  #turnScheduled = false;
  /** What the thread works on. */
  #sent: Batch | undefined;
  #sentSuspect = false;
  /** Whose run or load has held the lane for too long. */
  #heldBy: ModelKey | undefined;
  #closing = false;
  #sentUs = 0;
  #sentAtMs = 0;

  /** `lane`: its number in the worker, and in the crash journal. */
  constructor(lane: number, options: LaneOptions) {
    const { clock, limits, suspects, metrics, journalFd } = options;
    this.#options = options;
    this.#lane = lane;
    this.#maxSectionBytes = maxFrameBytes(limits) - HEAD_BYTES;
    this.#loads = new LoadQueue(suspects);
    this.#runs = new RunQueue({
      clock,
      suspects,
      runsPerMessage: limits.runsPerMessage,
      onExpired(run) {
        metrics.expired.inc();
        run.end({ ok: false, failure: EXPIRED, runUs: 0 });
      },
    });
    suspects.join(this);
    this.#watchdog = setTimeout(() => this.#onHang(), limits.laneHangMs);
    this.#overrun = setTimeout(() => this.#onOverrun(), limits.laneOverrunMs);
    this.#pool = startThread({ lane, journalFd, progress: this.#progress });
    this.#pool.on('error', (error: Error) => options.onLost(error, causeOf(error), lane));
  }

  /** Resolves when the thread has started. */
  async ready(): Promise<void> {
    await this.#pool.run(makeTask({ releases: [], loads: [], runs: [] }, this.#maxSectionBytes, this.#plans));
  }

  /** A run or load has held it for longer than `laneOverrunMs`. */
  get isHeld(): boolean {
    return this.#heldBy !== undefined;
  }

  isHeldBy(key: ModelKey): boolean {
    return this.#heldBy === key;
  }

  /** How long something arriving now would wait; a run of `tenant`: by turns. What overruns its time is taken to last as long again. */
  delayUs(tenant?: string): number {
    const { clock } = this.#options;
    const sentUs = this.#sent !== undefined ? Math.abs(this.#sentUs - (clock() - this.#sentAtMs) * 1_000) : 0;
    return this.#runs.waitingUs(tenant) + sentUs + this.#loads.waitingUs;
  }

  run(run: LaneRun): void {
    if (this.#heldBy !== undefined && this.#heldBy !== run.key)
      queueMicrotask(() => run.end({ ok: false, failure: this.#heldFailure, runUs: 0 }));
    else if (run.background && this.#options.suspects.has(run.key))
      queueMicrotask(() => run.end({ ok: false, failure: SUSPECT_BACKGROUND, runUs: 0 }));
    else this.#runs.push(run);
    this.#scheduleTurn();
  }

  /** Takes a run back; false when it is with the thread already. `end` is not called then. */
  cancel(run: LaneRun): boolean {
    return this.#runs.delete(run);
  }

  /**
   * Resolves to the time that it took. The artifact's buffer is transferred. Rejects with a ShoalError: OVERLOADED
   * when `isWanted` says no before it has begun.
   */
  load(
    key: ModelKey,
    handle: number,
    artifact: Uint8Array<ArrayBuffer>,
    isWanted: () => boolean = () => true,
  ): Promise<number> {
    if (this.#heldBy !== undefined) return Promise.reject(fromFailure(this.#heldFailure));
    return new Promise((resolve, reject) => {
      const hasRun = this.#options.proven.has(key);
      this.#loads.push({ key, handle, hasRun, artifact, isWanted, resolve, reject });
      this.#scheduleTurn();
    });
  }

  release(handle: number): Promise<void> {
    return new Promise((resolve) => {
      this.#releases.push({ handle, resolve });
      this.#scheduleTurn();
    });
  }

  onSuspectsChanged(): void {
    for (const run of this.#runs.sortAnew()) run.end({ ok: false, failure: SUSPECT_BACKGROUND, runUs: 0 });
    this.#countSuspects();
    this.#scheduleTurn();
  }

  onSuspectDone(): void {
    this.#scheduleTurn();
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
    const nowMs = this.#options.clock();
    this.#sent = batch;
    this.#sentAtMs = nowMs;
    this.#sentUs = batch.loads.length * this.#loads.averageUs;
    this.#countSuspects();
    Atomics.store(this.#progress, 0, -1);
    this.#watchdog.refresh();
    this.#overrun.refresh();
    for (const run of batch.runs) {
      this.#sentUs += expectedUs(run);
      run.begin(nowMs);
    }
    const task = makeTask(batch, this.#maxSectionBytes, this.#plans);
    const transferList = [task.sections, ...task.loads.map((load) => load.artifact.buffer)];
    this.#pool.run(task, { transferList }).then(
      (answer) => this.#settle(batch, answer),
      (error: Error) => this.#lose(batch, error),
    );
  }

  #gather(): Batch {
    this.#options.suspects.onTurn(this);
    const releases = this.#releases.splice(0, RELEASES_A_MESSAGE);
    let load = this.#loads.isDue ? this.#loads.take() : undefined;
    let runs = load === undefined ? this.#runs.take() : [];
    if (runs.length > 0) this.#options.metrics.laneBatchRuns.observe(runs.length);
    // Runs that have all expired leave their turn to a load: nothing else would call for it.
    else load ??= this.#loads.take();
    if (runs.length === 0 && load === undefined) runs = this.#runs.takeBackground();
    return { releases, loads: load === undefined ? [] : [load], runs };
  }

  /** What the thread is at now; undefined while it releases. */
  #underWay(): ModelKey | undefined {
    const index = Atomics.load(this.#progress, 0);
    if (this.#sent === undefined || index < 0) return undefined;
    const { runs, loads } = this.#sent;
    return (index < runs.length ? runs[index] : loads[index - runs.length])?.key;
  }

  /**
   * Runs every `laneOverrunMs` while a message is with the thread. A model whose runs take so long makes its own
   * callers wait; those of other models are better off on the next worker of their shard. Runs of the same message
   * can't be taken back.
   */
  #onOverrun(): void {
    if (this.#sent === undefined) return;
    this.#overrun.refresh();
    const key = this.#underWay();
    if (key === this.#heldBy) return;
    this.#letGo();
    if (key === undefined) return;
    this.#heldBy = key;
    this.#options.held.set(key, true);
    const failure = this.#heldFailure;
    for (const run of this.#runs.takeOthers(key)) run.end({ ok: false, failure, runUs: 0 });
    for (const job of this.#loads.takeAll()) job.reject(fromFailure(failure));
  }

  get #heldFailure(): LaneFailure {
    return heldFailure(this.#options.limits.laneOverrunMs);
  }

  #letGo(): void {
    if (this.#heldBy === undefined) return;
    this.#options.held.set(this.#heldBy, false);
    this.#heldBy = undefined;
  }

  /** Runs `laneHangMs` after the last message was sent. A run in native code can't be ended but with its process. */
  #onHang(): void {
    if (this.#sent === undefined) return;
    const what = `a lane gave no answer for ${this.#options.limits.laneHangMs} ms (limit laneHangMs)`;
    const error = new Error(`${what}; it was at ${this.#underWay() ?? 'a release'}`);
    this.#options.onLost(error, 'hang', this.#lane);
  }

  #settle(batch: Batch, answer: LaneAnswer): void {
    this.#done();
    for (const job of batch.releases) job.resolve();
    for (const [index, job] of batch.loads.entries()) {
      const loaded = answer.loads[index];
      this.#loads.onLoaded(loaded?.loadUs ?? 0);
      if (loaded?.ok === true) job.resolve(loaded.loadUs);
      else job.reject(fromFailure(loaded?.failure ?? LOST));
    }
    for (const [run, outcome] of outcomesOf(batch, answer)) {
      this.#loads.onRuns(outcome.runUs);
      if (noteRun(run.model, outcome)) this.#options.proven.add(run.key);
      run.end(outcome);
    }
    this.#scheduleTurn();
  }

  #lose(batch: Batch, error: Error): void {
    if (!this.#closing) this.#options.onLost(error, causeOf(error), this.#lane);
    this.#done();
    lose(batch);
    this.#scheduleTurn();
  }

  /** The thread is free again. */
  #done(): void {
    this.#sent = undefined;
    this.#letGo();
    this.#countSuspects();
  }

  /** Says whether a suspect is with the thread. */
  #countSuspects(): void {
    const { suspects } = this.#options;
    const isOne =
      this.#sent !== undefined &&
      suspects.keys.size > 0 &&
      [...this.#sent.loads, ...this.#sent.runs].some(({ key }) => suspects.has(key));
    if (isOne === this.#sentSuspect) return;
    this.#sentSuspect = isOne;
    if (isOne) suspects.enter();
    else suspects.leave();
  }
}
