import { type Scored, ScoreHeap } from '../../../src/core/score-heap.ts';
import type { Order } from '../simulate.ts';
import type { Trace, TraceModel } from '../traces.ts';

interface Entry extends Scored {
  readonly model: TraceModel;
  nextAt: number;
}

const NEVER = 2 ** 40;

/**
 * Knows the future. The true optimum is NP-hard where sizes differ; this is the usual stand-in: at each eviction
 * the model goes whose next use is farthest off, with `missUs` the one that takes the most bytes * requests until
 * then for each microsecond that keeping it saves.
 */
export class Belady implements Order {
  readonly #entries = new Map<string, Entry>();
  /** Models of one structure have one size and cost: among them the farthest next use goes first in any case. */
  readonly #byStructure = new Map<string, ScoreHeap<Entry>>();
  readonly #missUs: ((model: TraceModel) => number) | undefined;
  readonly #next: Float64Array;
  #at = -1;

  constructor({ requests, models }: Trace, missUs?: (model: TraceModel) => number) {
    this.#missUs = missUs;
    this.#next = new Float64Array(requests.length);
    const seen = new Float64Array(models.length).fill(NEVER);
    for (let at = requests.length - 1; at >= 0; at--) {
      const index = requests[at] as number;
      this.#next[at] = seen[index] as number;
      seen[index] = at;
    }
  }

  use(key: string): void {
    this.#at++;
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    // A next use moves away, so the score would fall: out and in again.
    const heap = this.#heapOf(entry.model);
    heap.delete(entry);
    entry.nextAt = this.#next[this.#at] as number;
    heap.push(entry);
  }

  add(model: TraceModel): void {
    const entry = { model, nextAt: this.#next[this.#at] as number, score: 0, place: 0 };
    this.#entries.set(model.key, entry);
    this.#heapOf(model).push(entry);
  }

  delete(model: TraceModel): void {
    this.#heapOf(model).delete(this.#entries.get(model.key) as Entry);
    this.#entries.delete(model.key);
  }

  *candidates(): Generator<TraceModel> {
    const heads = [...this.#byStructure.values()].map((heap) => {
      const rest = heap.ascending();
      return { rest, head: rest.next().value as Entry | undefined };
    });
    for (;;) {
      let worst: (typeof heads)[number] | undefined;
      let worstBurden = -1;
      for (const each of heads) {
        const burden = each.head === undefined ? -1 : this.#burden(each.head);
        if (burden <= worstBurden) continue;
        worst = each;
        worstBurden = burden;
      }
      if (worst?.head === undefined) return;
      yield worst.head.model;
      worst.head = worst.rest.next().value as Entry | undefined;
    }
  }

  #burden({ model, nextAt }: Entry): number {
    return this.#missUs === undefined
      ? nextAt
      : ((nextAt - this.#at) * model.residentBytes) / this.#missUs(model);
  }

  #heapOf(model: TraceModel): ScoreHeap<Entry> {
    let heap = this.#byStructure.get(model.structure);
    if (heap === undefined) {
      heap = new ScoreHeap(({ nextAt }) => -nextAt);
      this.#byStructure.set(model.structure, heap);
    }
    return heap;
  }
}
