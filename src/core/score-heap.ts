/** What a ScoreHeap keeps in an item for itself. */
export interface Scored {
  /** Its score when it was last looked at. */
  score: number;
  place: number;
}

/**
 * Items by a score that only ever grows: a binary heap that learns of growth when it comes across it. So whoever
 * raises a score pays nothing, and finding the lowest corrects only what has risen and stands in the way.
 */
export class ScoreHeap<T extends Scored> {
  readonly #items: T[] = [];
  readonly #scoreOf: (item: T) => number;

  /** `scoreOf`: an item's score now; never below what it was before. */
  constructor(scoreOf: (item: T) => number) {
    this.#scoreOf = scoreOf;
  }

  get size(): number {
    return this.#items.length;
  }

  push(item: T): void {
    item.score = this.#scoreOf(item);
    this.#items.push(item);
    this.#rise(item, this.#items.length - 1);
  }

  /** For an item that is in here. */
  delete(item: T): void {
    const last = this.#items.pop() as T;
    if (last === item) return;
    this.#rise(last, item.place);
    this.#sink(last, last.place);
  }

  /** All of them, lowest score first, found as they are asked for. Nothing else may change the heap meanwhile. */
  *ascending(): Generator<T> {
    /** Places whose items are known to be the lowest below their parents, highest first. */
    const open: number[] = [];
    this.#open(open, 0);
    for (let place = open.pop(); place !== undefined; place = open.pop()) {
      yield this.#items[place] as T;
      this.#open(open, 2 * place + 1);
      this.#open(open, 2 * place + 2);
    }
  }

  #open(open: number[], place: number): void {
    if (place >= this.#items.length) return;
    const { score } = this.#settle(place);
    let low = 0;
    let high = open.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#items[open[middle] as number] as T).score > score) low = middle + 1;
      else high = middle;
    }
    open.splice(low, 0, place);
  }

  /** Brings the lowest of all at and below `place` there. */
  #settle(place: number): T {
    for (;;) {
      const item = this.#items[place] as T;
      const score = this.#scoreOf(item);
      if (score === item.score) return item;
      item.score = score;
      this.#sink(item, place);
    }
  }

  #rise(item: T, from: number): void {
    const items = this.#items;
    let place = from;
    while (place > 0) {
      const up = (place - 1) >> 1;
      const parent = items[up] as T;
      if (parent.score <= item.score) break;
      items[place] = parent;
      parent.place = place;
      place = up;
    }
    items[place] = item;
    item.place = place;
  }

  #sink(item: T, from: number): void {
    const items = this.#items;
    let place = from;
    for (;;) {
      let down = 2 * place + 1;
      if (down >= items.length) break;
      if (down + 1 < items.length && (items[down + 1] as T).score < (items[down] as T).score) down++;
      const child = items[down] as T;
      if (child.score >= item.score) break;
      items[place] = child;
      child.place = place;
      place = down;
    }
    items[place] = item;
    item.place = place;
  }
}
