import { type Scored, ScoreHeap } from '../../../src/core/score-heap.ts';
import type { Order } from '../simulate.ts';
import type { TraceModel } from '../traces.ts';

interface Entry extends Scored {
  readonly model: TraceModel;
  usedAt: number;
}

/** Least recently used first. (In a Map's own order it would be slow: see `npm run bench -- policies`.) */
export class Lru implements Order {
  readonly #entries = new Map<string, Entry>();
  readonly #heap = new ScoreHeap<Entry>(({ usedAt }) => usedAt);
  #now = 0;

  use(key: string): void {
    this.#now++;
    const entry = this.#entries.get(key);
    if (entry !== undefined) entry.usedAt = this.#now;
  }

  add(model: TraceModel): void {
    const entry = { model, usedAt: this.#now, score: 0, place: 0 };
    this.#entries.set(model.key, entry);
    this.#heap.push(entry);
  }

  delete(model: TraceModel): void {
    this.#heap.delete(this.#entries.get(model.key) as Entry);
    this.#entries.delete(model.key);
  }

  *candidates(): Generator<TraceModel> {
    for (const { model } of this.#heap.ascending()) yield model;
  }
}
