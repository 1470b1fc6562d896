/**
 * First come, first served within a tenant; tenants take turns, one item each. A tenant with a thousand items
 * waiting delays another's single one by at most one item of each tenant ahead. Not bounded: its owner counts.
 */
export class FairQueue<T> {
  /** Tenants with items, in the order of their turns. */
  readonly #waiting = new Map<string, Set<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** How many of those that wait now have their turn before an item that `tenant` would push now. */
  ahead(tenant: string): number {
    const own = this.#waiting.get(tenant);
    if (own === undefined) return this.#waiting.size;
    let ahead = 0;
    let turns = own.size + 1;
    for (const items of this.#waiting.values()) {
      if (items === own) turns--;
      ahead += Math.min(items.size, turns);
    }
    return ahead;
  }

  /** The same item twice counts once. */
  push(tenant: string, item: T): void {
    const items = this.#waiting.get(tenant);
    if (items === undefined) {
      this.#waiting.set(tenant, new Set([item]));
      this.#size++;
      return;
    }
    const before = items.size;
    items.add(item);
    this.#size += items.size - before;
  }

  /** Whose turn it is; undefined when nothing waits. */
  peek(): T | undefined {
    for (const items of this.#waiting.values()) for (const item of items) return item;
    return undefined;
  }

  /** Takes what `peek` shows and ends that tenant's turn. */
  shift(): T | undefined {
    for (const [tenant, items] of this.#waiting) {
      for (const item of items) {
        items.delete(item);
        this.#size--;
        this.#waiting.delete(tenant);
        if (items.size > 0) this.#waiting.set(tenant, items);
        return item;
      }
    }
    return undefined;
  }

  /** Takes one out of turn (it was cancelled); false when it isn't here any more. */
  delete(tenant: string, item: T): boolean {
    const items = this.#waiting.get(tenant);
    if (items?.delete(item) !== true) return false;
    this.#size--;
    if (items.size === 0) this.#waiting.delete(tenant);
    return true;
  }
}
