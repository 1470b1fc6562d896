import { FairQueue } from '../../core/fair-queue.ts';
import type { ModelKey } from '../../wire/model-key.ts';
import { expectedUs, type LaneRun } from './batch.ts';
import type { Suspects } from './suspects.ts';

/** A message stops before a run that would make the others in it wait longer. */
const MAX_BATCH_US = 2_000;

export interface RunQueueOptions {
  readonly clock: () => number;
  readonly runsPerMessage: number;
  readonly suspects: Suspects;
  /** Its deadline has passed: it is out of the queue and never runs. */
  readonly onExpired: (run: LaneRun) => void;
}

/** Runs that wait for a lane: tenants take turns; suspects apart, so that they hold up no others; background last. */
export class RunQueue {
  readonly #options: RunQueueOptions;
  readonly #runs = new FairQueue<LaneRun>();
  readonly #suspectRuns = new FairQueue<LaneRun>();
  readonly #background = new FairQueue<LaneRun>();
  #suspectsNext = false;
  #waitingUs = 0;

  constructor(options: RunQueueOptions) {
    this.#options = options;
  }

  /** How long those that wait are taken to run, background apart; with a tenant: those before its next. */
  waitingUs(tenant?: string): number {
    const size = this.#runs.size + this.#suspectRuns.size;
    if (tenant === undefined || size === 0) return this.#waitingUs;
    return (this.#waitingUs * (this.#runs.ahead(tenant) + this.#suspectRuns.ahead(tenant))) / size;
  }

  push(run: LaneRun): void {
    if (run.background) {
      this.#background.push(run.tenant, run);
      return;
    }
    const queue = this.#options.suspects.has(run.key) ? this.#suspectRuns : this.#runs;
    queue.push(run.tenant, run);
    this.#waitingUs += expectedUs(run);
  }

  /** Takes one back; false when it isn't here any more. */
  delete(run: LaneRun): boolean {
    if (run.background) return this.#background.delete(run.tenant, run);
    const found = this.#runs.delete(run.tenant, run) || this.#suspectRuns.delete(run.tenant, run);
    if (found) this.#forget(run);
    return found;
  }

  /** The runs of the next message; a suspect is alone in its own. */
  take(): LaneRun[] {
    const first = this.#suspectsNext ? this.#takeSuspect() : this.#takeTogether();
    if (first.length === 0) return this.#suspectsNext ? this.#takeTogether() : this.#takeSuspect();
    this.#suspectsNext = !this.#suspectsNext;
    return first;
  }

  /** One at a time, so that what arrives meanwhile waits for no more than that. */
  takeBackground(): LaneRun[] {
    return this.#takeOne(this.#background, () => undefined);
  }

  /** Takes out those of other models. */
  takeOthers(key: ModelKey): LaneRun[] {
    const others: LaneRun[] = [];
    for (const queue of [this.#runs, this.#suspectRuns]) {
      const waiting = queue.size;
      for (let index = 0; index < waiting; index++) {
        const run = queue.shift() as LaneRun;
        if (run.key === key) queue.push(run.tenant, run);
        else others.push(run);
      }
    }
    for (const run of others) this.#forget(run);
    return others;
  }

  /** Other versions are suspects now. Takes out their background runs. */
  sortAnew(): LaneRun[] {
    const all: LaneRun[] = [];
    for (const queue of [this.#runs, this.#suspectRuns])
      for (let run = queue.shift(); run !== undefined; run = queue.shift()) all.push(run);
    this.#waitingUs = 0;
    for (const run of all) this.push(run);
    const refused: LaneRun[] = [];
    for (let waiting = this.#background.size; waiting > 0; waiting--) {
      const run = this.#background.shift() as LaneRun;
      if (this.#options.suspects.has(run.key)) refused.push(run);
      else this.#background.push(run.tenant, run);
    }
    return refused;
  }

  #takeSuspect(): LaneRun[] {
    if (!this.#options.suspects.mayEnter) return [];
    return this.#takeOne(this.#suspectRuns, (run) => this.#forget(run));
  }

  #takeTogether(): LaneRun[] {
    const runs: LaneRun[] = [];
    let sumUs = 0;
    const nowMs = this.#options.clock();
    while (runs.length < this.#options.runsPerMessage) {
      const next = this.#runs.peek();
      if (next === undefined) break;
      const runUs = expectedUs(next);
      const expired = next.expiresAtMs <= nowMs;
      if (!expired && runs.length > 0 && sumUs + runUs > MAX_BATCH_US) break;
      this.#runs.shift();
      this.#forget(next);
      if (expired) {
        this.#options.onExpired(next);
        continue;
      }
      runs.push(next);
      sumUs += runUs;
    }
    return runs;
  }

  #takeOne(queue: FairQueue<LaneRun>, onTaken: (run: LaneRun) => void): LaneRun[] {
    const nowMs = this.#options.clock();
    for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
      onTaken(next);
      if (next.expiresAtMs > nowMs) return [next];
      this.#options.onExpired(next);
    }
    return [];
  }

  /** The estimate of a model moves while its runs wait, so the sum is only near; nothing waiting makes it exact. */
  #forget(run: LaneRun): void {
    const isEmpty = this.#runs.size === 0 && this.#suspectRuns.size === 0;
    this.#waitingUs = isEmpty ? 0 : Math.max(0, this.#waitingUs - expectedUs(run));
  }
}
