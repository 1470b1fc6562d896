import { type Scored, ScoreHeap } from '../../../src/core/score-heap.ts';
import type { Order } from '../simulate.ts';
import type { TraceModel } from '../traces.ts';

interface Entry extends Scored {
  readonly model: TraceModel;
  uses: number;
  /** The priority of the latest evicted when this one was used last. */
  base: number;
}

/**
 * Greedy dual size frequency: L + uses * cost / bytes, where L is the priority of what was evicted last. L. Cherkasova,
 * "Improving WWW proxies performance with greedy-dual-size-frequency caching policy", HP Labs 1998.
 */
export class Gdsf implements Order {
  readonly #entries = new Map<string, Entry>();
  readonly #heap: ScoreHeap<Entry>;
  #latest = 0;

  constructor(missUs: (model: TraceModel) => number) {
    this.#heap = new ScoreHeap(
      ({ model, uses, base }) => base + (uses * missUs(model)) / model.residentBytes,
    );
  }

  use(key: string): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    entry.uses++;
    entry.base = this.#latest;
  }

  add(model: TraceModel): void {
    const entry = { model, uses: 1, base: this.#latest, score: 0, place: 0 };
    this.#entries.set(model.key, entry);
    this.#heap.push(entry);
  }

  delete(model: TraceModel): void {
    const entry = this.#entries.get(model.key) as Entry;
    this.#latest = Math.max(this.#latest, entry.score);
    this.#entries.delete(model.key);
    this.#heap.delete(entry);
  }

  *candidates(): Generator<TraceModel> {
    for (const { model } of this.#heap.ascending()) yield model;
  }
}
