import { type EvictionCandidate, EvictionOrder } from '../../../src/core/eviction-order.ts';
import type { Order } from '../simulate.ts';
import type { TraceModel } from '../traces.ts';

interface StandIn extends EvictionCandidate {
  readonly model: TraceModel;
}

/** Frequency with ageing alone: core/eviction-order, told that all models cost and weigh the same. */
export class AgedLfu implements Order {
  readonly #order = new EvictionOrder<StandIn>();
  readonly #standIns = new Map<string, StandIn>();

  use(key: string): void {
    this.#order.use(key);
  }

  add(model: TraceModel): void {
    const standIn = { key: model.key, residentBytes: 1, loadUs: 1, model };
    this.#standIns.set(model.key, standIn);
    this.#order.add(standIn);
  }

  delete({ key }: TraceModel): void {
    this.#order.delete(this.#standIns.get(key) as StandIn);
    this.#standIns.delete(key);
  }

  *candidates(): Generator<TraceModel> {
    for (const { model } of this.#order.candidates()) yield model;
  }
}
