import { FairQueue } from '../../core/fair-queue.ts';

/** What waits for the main thread. */
export interface Waiting {
  readonly tenant: string;
  readonly background: boolean;
}

/** How long plans may have the main thread in one turn of the event loop: frames are read in between. */
const TURN_MS = 1;

/**
 * Work for the main thread, in turns by tenant and a bounded time a turn of the event loop; what is in the background
 * waits for all else. Begins in a microtask, so that what one chunk of a connection brings takes turns too.
 */
export class PlanQueue<T extends Waiting> {
  readonly #clock: () => number;
  readonly #work: (item: T, nowMs: number) => void;
  readonly #items = new FairQueue<T>();
  readonly #background = new FairQueue<T>();
  readonly #estimates = new Map<T, number>();
  #waitingUs = 0;
  #isScheduled = false;
  /** Of this turn; undefined: nothing was done in it yet. */
  #spentMs: number | undefined;

  /** `work`: must not throw. */
  constructor(clock: () => number, work: (item: T, nowMs: number) => void) {
    this.#clock = clock;
    this.#work = work;
  }

  /** How long those that wait should take, background apart; with a tenant: those before its next. */
  delayUs(tenant?: string): number {
    const { size } = this.#items;
    if (tenant === undefined || size === 0) return this.#waitingUs;
    return (this.#waitingUs * this.#items.ahead(tenant)) / size;
  }

  /** What waits already keeps its place. */
  push(item: T, estimateUs: number): void {
    if (item.background) this.#background.push(item.tenant, item);
    else if (!this.#estimates.has(item)) {
      this.#items.push(item.tenant, item);
      this.#estimates.set(item, estimateUs);
      this.#waitingUs += estimateUs;
    }
    this.#schedule();
  }

  /** Takes one back; false when it isn't here any more. */
  delete(item: T): boolean {
    if (item.background) return this.#background.delete(item.tenant, item);
    const found = this.#items.delete(item.tenant, item);
    if (found) this.#forget(item);
    return found;
  }

  #schedule(): void {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      this.#turn();
    });
  }

  #turn(): void {
    if (this.#spentMs === undefined) {
      this.#spentMs = 0;
      setImmediate(() => {
        this.#spentMs = undefined;
        if (this.#items.size + this.#background.size > 0) this.#turn();
      });
    }
    if (this.#spentMs >= TURN_MS) return;
    const startedMs = this.#clock();
    const untilMs = startedMs + TURN_MS - this.#spentMs;
    let nowMs = startedMs;
    while (nowMs < untilMs) {
      const item = this.#take();
      if (item === undefined) break;
      this.#work(item, nowMs);
      nowMs = this.#clock();
    }
    this.#spentMs += nowMs - startedMs;
  }

  #take(): T | undefined {
    const item = this.#items.shift();
    if (item === undefined) return this.#background.shift();
    this.#forget(item);
    return item;
  }

  /** Nothing waiting makes the sum exact. */
  #forget(item: T): void {
    const estimateUs = this.#estimates.get(item) ?? 0;
    this.#estimates.delete(item);
    this.#waitingUs = this.#items.size === 0 ? 0 : this.#waitingUs - estimateUs;
  }
}
