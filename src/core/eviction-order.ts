/** A resident model as the choice of what to evict sees it. */
export interface EvictionCandidate {
  readonly key: string;
  readonly residentBytes: number;
  /** What loading it again would take. */
  readonly loadUs: number;
}

/**
 * Which resident models are worth keeping. Time is counted in uses: there is no clock in here. `use` is on the hot
 * path of every request.
 */
export class EvictionOrder<M extends EvictionCandidate> {
  readonly #models = new Map<string, M>();

  /** A request asked for the model, resident or not. */
  use(key: string): void {
    const model = this.#models.get(key);
    if (model === undefined) return;
    this.#models.delete(key);
    this.#models.set(key, model);
  }

  /** It has become resident. */
  add(model: M): void {
    this.#models.set(model.key, model);
  }

  /** It is no longer resident. */
  delete(model: M): void {
    this.#models.delete(model.key);
  }

  /** Those least worth keeping first. */
  candidates(): Iterable<M> {
    return this.#models.values();
  }
}
