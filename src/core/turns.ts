/** Lets so many actions run at once; the others wait in line, which is bounded too. */
export class Turns {
  readonly #atOnce: number;
  readonly #maxWaiting: number;
  readonly #full: () => Error;
  readonly #waiting: (() => void)[] = [];
  #running = 0;

  /** `full`: what a caller beyond `maxWaiting` gets. */
  constructor(atOnce: number, maxWaiting: number, full: () => Error) {
    this.#atOnce = atOnce;
    this.#maxWaiting = maxWaiting;
    this.#full = full;
  }

  async run<T>(action: () => Promise<T>): Promise<T> {
    if (this.#running >= this.#atOnce) {
      if (this.#waiting.length >= this.#maxWaiting) throw this.#full();
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    } else {
      this.#running++;
    }
    try {
      return await action();
    } finally {
      const next = this.#waiting.shift();
      // The turn is handed on, so that nobody who comes just now gets between.
      if (next === undefined) this.#running--;
      else next();
    }
  }
}
