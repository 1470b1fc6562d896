import type { ErrorCode } from '../core/errors.ts';
import type { AnswerFrame, AnswerTimings, RequestFrame } from '../wire/frames.ts';
import { tenantOf } from '../wire/model-key.ts';
import type { LaneModel, LaneRun, RunOutcome } from './lane/batch.ts';
import type { Lease } from './lease.ts';

export type JobResult = AnswerFrame['result'];

/** What a job needs of the host that runs it. */
export interface JobOwner {
  readonly clock: () => number;
  /** Answers and forgets it; what happens to the job after this reaches nobody. */
  settled(job: Job, result: JobResult): void;
  /** Its lease, if it has one, can go. */
  unlease(lease: Lease): void;
}

export type Reply = (result: JobResult, timings: Omit<AnswerTimings, 'queueDelayUs'>) => void;

/** One request in a worker, from arrival to answer: loading (if cold), queued, running, settled. */
export class Job implements LaneRun {
  readonly key: string;
  readonly tenant: string;
  readonly section: Uint8Array;
  readonly partRows: number;
  readonly background: boolean;
  /** What is reserved for its session. */
  readonly residentBytes: number;
  readonly expiresAtMs: number;
  readonly reply: Reply;
  readonly #owner: JobOwner;
  readonly #arrivedMs: number;
  #lease: Lease | undefined;
  #leasedMs = 0;
  #begunMs = 0;
  #runUs = 0;
  #settled = false;
  /** Set while it waits for a load: gives up waiting. */
  stopLoading: (() => void) | undefined;
  cold = false;
  /** It has a place in the worker's queue. */
  queued = false;

  constructor(owner: JobOwner, request: RequestFrame, timeoutMs: number, reply: Reply) {
    this.#owner = owner;
    this.key = request.key;
    this.tenant = tenantOf(request.key);
    this.section = request.section;
    this.partRows = request.partRows;
    this.background = request.background;
    this.residentBytes = request.residentBytes;
    this.reply = reply;
    this.#arrivedMs = owner.clock();
    this.expiresAtMs = this.#arrivedMs + timeoutMs;
  }

  get lease(): Lease | undefined {
    return this.#lease;
  }

  get settled(): boolean {
    return this.#settled;
  }

  get model(): LaneModel {
    return (this.#lease as Lease).placed;
  }

  /** Sends it to its lane. */
  enqueue(lease: Lease): void {
    this.#lease = lease;
    this.#leasedMs = this.cold ? this.#owner.clock() : this.#arrivedMs;
    lease.placed.lane.run(this);
  }

  /** It runs now, where it waited. */
  beginHere(nowMs: number): void {
    this.#leasedMs = this.cold ? nowMs : this.#arrivedMs;
    this.#begunMs = nowMs;
  }

  begin(nowMs: number): void {
    this.#begunMs = nowMs;
  }

  end(outcome: RunOutcome): void {
    this.#runUs = outcome.runUs;
    if (this.#lease !== undefined) this.#owner.unlease(this.#lease);
    if (outcome.ok) this.settle({ ok: true, section: outcome.section });
    else this.fail(outcome.failure.code, outcome.failure.message, 0);
  }

  fail(code: ErrorCode, message: string, retryAfterMs: number): void {
    this.settle({ ok: false, code, message, retryAfterMs });
  }

  settle(result: JobResult): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#owner.settled(this, result);
  }

  /** Its caller has gone: nobody is answered. */
  drop(): void {
    this.#settled = true;
  }

  timings(): Omit<AnswerTimings, 'queueDelayUs'> {
    const loadedMs = this.#leasedMs || this.#owner.clock();
    return {
      queueUs: this.#begunMs === 0 ? 0 : (this.#begunMs - loadedMs) * 1_000,
      loadUs: this.cold ? (loadedMs - this.#arrivedMs) * 1_000 : 0,
      runUs: this.#runUs,
      cold: this.cold,
    };
  }
}
