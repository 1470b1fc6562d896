import type { ModelKey } from '../wire/model-key.ts';

/**
 * Which workers have a lane held by a run of which model. While one has, the model's requests are tried there and
 * nowhere else: else one endless run after the other would hold every lane of the shard. Bounded: what is told
 * beyond `maxModels` is not kept.
 */
export class HeldModels<Worker> {
  readonly #holders = new Map<ModelKey, readonly Worker[]>();
  readonly #maxModels: number;

  constructor(maxModels: number) {
    this.#maxModels = maxModels;
  }

  get size(): number {
    return this.#holders.size;
  }

  /** Asked for every request; nearly always there is none at all. */
  holdersOf(key: ModelKey): readonly Worker[] {
    return this.#holders.size === 0 ? NONE : (this.#holders.get(key) ?? NONE);
  }

  set(key: ModelKey, worker: Worker, isHeld: boolean): void {
    const others = this.holdersOf(key).filter((one) => one !== worker);
    if (isHeld && (this.#holders.has(key) || this.#holders.size < this.#maxModels)) {
      this.#holders.set(key, [...others, worker]);
    } else if (others.length > 0) this.#holders.set(key, others);
    else this.#holders.delete(key);
  }

  /** Nothing is known any more of a worker whose connection has ended. */
  forget(worker: Worker): void {
    for (const [key, holders] of this.#holders) if (holders.includes(worker)) this.set(key, worker, false);
  }
}

const NONE: readonly never[] = [];
