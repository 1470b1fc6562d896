import { FairQueue } from '../core/fair-queue.ts';
import type { ModelKey } from '../wire/model-key.ts';
import type { Copy } from './copy.ts';

const AVERAGE_SHARE = 0.1;

export interface InLine {
  readonly key: ModelKey;
  readonly tenant: string;
}

export interface LoadLineOptions<T extends InLine = Copy> {
  /** Loads under way at once. */
  readonly slots: number;
  /** So many loads really go on beside each other: the lanes, or the cores for them. */
  readonly parallelLoads: number;
  /** So many must have ended before the line's pace is believed; absent: one. */
  readonly provenBy?: number;
  /** Versions that were at work when a worker died: no two of them are loaded beside each other. */
  readonly suspects: { has(key: ModelKey): boolean };
  /** The suspects being loaded, of this line and any other. */
  readonly suspectsUnderWay: Set<T>;
}

/**
 * Cold models in line for a load. Tenants take turns; the head is never passed by, so that a large model isn't
 * starved by small ones. Only a suspect steps aside while another suspect is being loaded.
 */
export class LoadLine<T extends InLine = Copy> {
  readonly #options: LoadLineOptions<T>;
  readonly #line = new FairQueue<T>();
  readonly #aside = new Set<T>();
  #underWay = 0;
  /** Between two loads that end while there is work for all lanes: what the line moves by. */
  #paceMs: number | undefined;
  #movedMs = 0;
  #measured = 0;

  constructor(options: LoadLineOptions<T>) {
    this.#options = options;
  }

  get size(): number {
    return this.#line.size + this.#aside.size;
  }

  get underWay(): number {
    return this.#underWay;
  }

  push(copy: T): void {
    this.#line.push(copy.tenant, copy);
  }

  delete(copy: T): void {
    if (!this.#aside.delete(copy)) this.#line.delete(copy.tenant, copy);
  }

  get hasSlot(): boolean {
    return this.#underWay < this.#options.slots;
  }

  /** Whose turn it is; undefined: nobody may begin now. */
  next(): T | undefined {
    if (!this.hasSlot) return undefined;
    const { suspects, suspectsUnderWay } = this.#options;
    for (let head = this.#line.peek(); head !== undefined; head = this.#line.peek()) {
      if (suspectsUnderWay.size === 0 || !suspects.has(head.key)) return head;
      this.#line.shift();
      this.#aside.add(head);
    }
    return undefined;
  }

  /** Begins the load of what `next` showed. */
  begin(nowMs: number): void {
    const copy = this.#line.shift() as T;
    if (this.#options.suspects.has(copy.key)) this.#options.suspectsUnderWay.add(copy);
    if (this.#underWay === 0) this.#movedMs = nowMs;
    this.#underWay++;
  }

  /** The load has ended, well or badly; `wasBegun`: a lane has worked on it. */
  end(nowMs: number, wasBegun: boolean): void {
    if (wasBegun) this.#measure(nowMs);
    this.#underWay--;
  }

  /** Nothing could move for a while, through no fault of the line's: its pace is measured from here on. */
  stalled(nowMs: number): void {
    this.#movedMs = nowMs;
  }

  /** No suspect is under way any more: those that stepped aside are in line again. */
  readmit(): void {
    for (const waiting of this.#aside) this.push(waiting);
    this.#aside.clear();
  }

  #measure(nowMs: number): void {
    const { parallelLoads } = this.#options;
    this.#measured++;
    // With fewer loads under way than lanes the line would have moved faster, had there been one.
    const movedMs = ((nowMs - this.#movedMs) * Math.min(this.#underWay, parallelLoads)) / parallelLoads;
    this.#paceMs =
      this.#paceMs === undefined ? movedMs : this.#paceMs + AVERAGE_SHARE * (movedMs - this.#paceMs);
    this.#movedMs = nowMs;
  }

  /** How long a model of the tenant that joined now would wait until a lane loads it; 0 while no load was seen. */
  waitMs(tenant: string): number {
    if (this.#measured < (this.#options.provenBy ?? 1)) return 0;
    const ahead = this.#underWay + this.#line.ahead(tenant) - (this.#options.parallelLoads - 1);
    return Math.max(0, ahead) * (this.#paceMs ?? 0);
  }
}
