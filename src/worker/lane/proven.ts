import type { ModelKey } from '../../wire/model-key.ts';

/** Versions that have finished a run in this worker, loaded now or not; the newest `maxVersions` of them. */
export class ProvenVersions {
  readonly #maxVersions: number;
  readonly #keys = new Set<ModelKey>();

  constructor(maxVersions: number) {
    this.#maxVersions = maxVersions;
  }

  has(key: ModelKey): boolean {
    return this.#keys.has(key);
  }

  /** To be called once a load: it is then the newest. */
  add(key: ModelKey): void {
    this.#keys.delete(key);
    this.#keys.add(key);
    if (this.#keys.size <= this.#maxVersions) return;
    for (const oldest of this.#keys) {
      this.#keys.delete(oldest);
      return;
    }
  }
}
