import type { ServingSpec } from '../model/serving-spec.ts';

const FIRST_SWEEP = 1_024;

/**
 * Equal specs become one object: hundreds of thousands of models share a few shapes. Holds specs weakly, so
 * those that no model uses any more go; the list of them is swept when it has doubled.
 */
export class SharedSpecs {
  readonly #byContent = new Map<string, WeakRef<ServingSpec>>();
  readonly #shared = new WeakSet<ServingSpec>();
  #sweepAt = FIRST_SWEEP;

  share(spec: ServingSpec): ServingSpec {
    if (this.#shared.has(spec)) return spec;
    const content = JSON.stringify(spec, exactNumbers);
    const known = this.#byContent.get(content)?.deref();
    if (known !== undefined) return known;
    if (this.#byContent.size >= this.#sweepAt) this.#sweep();
    this.#byContent.set(content, new WeakRef(spec));
    this.#shared.add(spec);
    return spec;
  }

  #sweep(): void {
    for (const [content, ref] of this.#byContent) {
      if (ref.deref() === undefined) this.#byContent.delete(content);
    }
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#byContent.size);
  }
}

/** JSON has no bigint and writes NaN as null; two specs that differ only there must stay two. */
function exactNumbers(_key: string, value: unknown): unknown {
  const inexact = typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value));
  return inexact ? { [typeof value]: String(value) } : value;
}
