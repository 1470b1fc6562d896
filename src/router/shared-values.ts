const FIRST_SWEEP = 1_024;

/**
 * Equal values become one object: hundreds of thousands of models share a few signatures and kinds of traffic.
 * Holds values weakly, so those that nobody uses any more go; the list of them is swept when it has doubled.
 */
export class SharedValues<T extends object> {
  readonly #byContent = new Map<string, WeakRef<T>>();
  readonly #shared = new WeakSet<T>();
  #sweepAt = FIRST_SWEEP;

  share(value: T): T {
    if (this.#shared.has(value)) return value;
    const content = JSON.stringify(value, exactNumbers);
    const known = this.#byContent.get(content)?.deref();
    if (known !== undefined) return known;
    if (this.#byContent.size >= this.#sweepAt) this.#sweep();
    this.#byContent.set(content, new WeakRef(value));
    this.#shared.add(value);
    return value;
  }

  #sweep(): void {
    for (const [content, ref] of this.#byContent) {
      if (ref.deref() === undefined) this.#byContent.delete(content);
    }
    this.#sweepAt = Math.max(FIRST_SWEEP, 2 * this.#byContent.size);
  }
}

/** JSON has no bigint and writes NaN as null; two values that differ only there must stay two. */
function exactNumbers(_key: string, value: unknown): unknown {
  const inexact = typeof value === 'bigint' || (typeof value === 'number' && !Number.isFinite(value));
  return inexact ? { [typeof value]: String(value) } : value;
}
