/**
 * Lets a bounded number and weight of tasks run at once, in the order in which they came. One that alone is
 * heavier than the bound runs alone.
 */
export class Gate {
  readonly #maxTasks: number;
  readonly #maxBytes: number;
  readonly #waiting: { readonly bytes: number; readonly enter: () => void }[] = [];
  #tasks = 0;
  #bytes = 0;

  constructor(maxTasks: number, maxBytes: number) {
    this.#maxTasks = maxTasks;
    this.#maxBytes = maxBytes;
  }

  get tasks(): number {
    return this.#tasks;
  }

  async enter(bytes: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ bytes, enter: resolve });
    this.#letIn();
    await promise;
  }

  leave(bytes: number): void {
    this.#tasks--;
    this.#bytes -= bytes;
    this.#letIn();
  }

  #letIn(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      const full = this.#tasks >= this.#maxTasks || this.#bytes + next.bytes > this.#maxBytes;
      if (this.#tasks > 0 && full) return;
      this.#waiting.shift();
      this.#tasks++;
      this.#bytes += next.bytes;
      next.enter();
    }
  }
}
