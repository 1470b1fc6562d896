import type { Order } from '../simulate.ts';
import type { TraceModel } from '../traces.ts';

/** Least recently used first. */
export class Lru implements Order {
  readonly #models = new Map<string, TraceModel>();

  use(key: string): void {
    const model = this.#models.get(key);
    if (model === undefined) return;
    this.#models.delete(key);
    this.#models.set(key, model);
  }

  add(model: TraceModel): void {
    this.#models.set(model.key, model);
  }

  delete(model: TraceModel): void {
    this.#models.delete(model.key);
  }

  candidates(): Iterable<TraceModel> {
    return this.#models.values();
  }
}
