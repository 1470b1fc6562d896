/**
 * A map of names for which one entry is the rule: it holds that one in its own fields, and becomes a Map only with
 * the second. Most of hundreds of thousands of tenants have one model, and a Map of one entry takes 230 bytes.
 */
export class SmallMap<V> {
  #name: string | undefined;
  #value: V | undefined;
  #many: Map<string, V> | undefined;

  get size(): number {
    return this.#many?.size ?? (this.#name === undefined ? 0 : 1);
  }

  get(name: string): V | undefined {
    if (this.#many !== undefined) return this.#many.get(name);
    return name === this.#name ? this.#value : undefined;
  }

  set(name: string, value: V): void {
    if (this.#many !== undefined) this.#many.set(name, value);
    else if (this.#name === undefined || this.#name === name) {
      this.#name = name;
      this.#value = value;
    } else {
      this.#many = new Map([
        [this.#name, this.#value as V],
        [name, value],
      ]);
      this.#name = undefined;
      this.#value = undefined;
    }
  }

  delete(name: string): boolean {
    if (this.#many !== undefined) return this.#many.delete(name);
    if (name !== this.#name) return false;
    this.#name = undefined;
    this.#value = undefined;
    return true;
  }

  *[Symbol.iterator](): Generator<[string, V]> {
    if (this.#many !== undefined) yield* this.#many;
    else if (this.#name !== undefined) yield [this.#name, this.#value as V];
  }
}
