interface Waiting<T, R> {
  readonly items: readonly T[];
  readonly resolve: (results: R[]) => void;
  readonly reject: (error: unknown) => void;
}

export interface GatherLimits {
  /** Items of one action, or their weight; more only when one call alone brings them. */
  readonly maxItems: number;
  readonly maxWaiting: number;
  /** What a call beyond `maxWaiting` gets. */
  readonly full: (waiting: number) => Error;
}

/**
 * While one action is under way, what arrives waits and is done together by the next: for actions whose cost
 * hardly depends on how many items they carry. Nothing waits when no action is under way.
 */
export class Gather<T, R> {
  readonly #limits: GatherLimits;
  /** One result an item, in order. */
  readonly #act: (items: readonly T[]) => Promise<readonly R[]>;
  readonly #weigh: (item: T) => number;
  #waiting: Waiting<T, R>[] = [];
  #waitingItems = 0;
  #running = false;

  constructor(
    limits: GatherLimits,
    act: (items: readonly T[]) => Promise<readonly R[]>,
    weigh: (item: T) => number = () => 1,
  ) {
    this.#limits = limits;
    this.#act = act;
    this.#weigh = weigh;
  }

  /** All of a call's items go into the same action. */
  async add(items: readonly T[]): Promise<R[]> {
    if (this.#waitingItems >= this.#limits.maxWaiting) throw this.#limits.full(this.#waitingItems);
    const { promise, resolve, reject } = Promise.withResolvers<R[]>();
    this.#waiting.push({ items, resolve, reject });
    this.#waitingItems += items.length;
    if (!this.#running) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      try {
        const results = await this.#act(group.flatMap((each) => each.items));
        let at = 0;
        for (const each of group) {
          each.resolve(results.slice(at, at + each.items.length));
          at += each.items.length;
        }
      } catch (error) {
        for (const each of group) each.reject(error);
      }
    }
    this.#running = false;
  }

  #takeGroup(): Waiting<T, R>[] {
    let items = 0;
    let weight = 0;
    let calls = 0;
    for (const each of this.#waiting) {
      for (const item of each.items) weight += this.#weigh(item);
      if (calls > 0 && weight > this.#limits.maxItems) break;
      items += each.items.length;
      calls++;
    }
    this.#waitingItems -= items;
    return this.#waiting.splice(0, calls);
  }
}
