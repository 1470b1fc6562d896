/**
 * Lets a bounded number and weight of tasks run at once. One that alone is heavier than the bound runs alone.
 * For one producer, which waits for `enter` before it asks again.
 */
export class Gate {
  readonly #maxTasks: number;
  readonly #maxBytes: number;
  #tasks = 0;
  #bytes = 0;
  #change = Promise.withResolvers<void>();

  constructor(maxTasks: number, maxBytes: number) {
    this.#maxTasks = maxTasks;
    this.#maxBytes = maxBytes;
  }

  get tasks(): number {
    return this.#tasks;
  }

  async enter(bytes: number): Promise<void> {
    while (this.#tasks >= this.#maxTasks || (this.#tasks > 0 && this.#bytes + bytes > this.#maxBytes)) {
      await this.#change.promise;
    }
    this.#tasks++;
    this.#bytes += bytes;
  }

  leave(bytes: number): void {
    this.#tasks--;
    this.#bytes -= bytes;
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }

  async empty(): Promise<void> {
    while (this.#tasks > 0) await this.#change.promise;
  }
}
