/** Actions on one key run one after the other, those on different keys beside each other. */
export class InTurn<K> {
  readonly #last = new Map<K, Promise<void>>();

  async run<T>(key: K, action: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key);
    const result = before === undefined ? action() : before.then(action);
    const settled = result.then(
      () => undefined,
      () => undefined,
    );
    this.#last.set(key, settled);
    try {
      return await result;
    } finally {
      if (this.#last.get(key) === settled) this.#last.delete(key);
    }
  }
}
