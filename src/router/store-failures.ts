/** For so long a failure of a worker's store says something about the stores of others. */
const RECENT_MS = 10_000;

/**
 * Workers whose store failed lately. When it is several it is the store that is broken and not they: what they have
 * loaded they serve as before, and to pass them over would only make it cold elsewhere.
 */
export class StoreFailures {
  readonly #lastMs = new Map<string, number>();

  failed(worker: string, nowMs: number): void {
    for (const [id, atMs] of this.#lastMs) if (nowMs - atMs > RECENT_MS) this.#lastMs.delete(id);
    this.#lastMs.set(worker, nowMs);
  }

  isShared(nowMs: number): boolean {
    let recent = 0;
    for (const atMs of this.#lastMs.values()) if (nowMs - atMs <= RECENT_MS) recent++;
    return recent > 1;
  }
}
