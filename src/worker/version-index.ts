import type { ModelKey } from '../wire/model-key.ts';

/** The versions of each model that the worker has to do with, so that nobody looks through all models for one. */
export class VersionIndex {
  /** By tenant/model. A key that was added twice is in there twice. */
  readonly #keys = new Map<string, ModelKey[]>();

  add(key: ModelKey): void {
    const model = modelOf(key);
    const keys = this.#keys.get(model);
    if (keys === undefined) this.#keys.set(model, [key]);
    else keys.push(key);
  }

  /** Takes back one `add`. */
  delete(key: ModelKey): void {
    const model = modelOf(key);
    const keys = this.#keys.get(model) ?? [];
    const at = keys.indexOf(key);
    if (at >= 0) keys.splice(at, 1);
    if (keys.length === 0) this.#keys.delete(model);
  }

  /** `model`: tenant/model. */
  keysOf(model: string): ReadonlySet<ModelKey> {
    return new Set(this.#keys.get(model));
  }
}

function modelOf(key: ModelKey): string {
  return key.slice(0, key.indexOf('/', key.indexOf('/') + 1));
}
