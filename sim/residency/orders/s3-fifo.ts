import type { Order } from '../simulate.ts';
import type { TraceModel } from '../traces.ts';

interface Entry {
  readonly model: TraceModel;
  uses: number;
}

const SMALL_SHARE = 0.1;
const MOST_USES = 3;

/**
 * A small queue for newcomers, a main one for those used again, a memory of what left the small one. J. Yang et
 * al., "FIFO queues are all you need for cache eviction", SOSP 2023; queues are counted in bytes.
 */
export class S3Fifo implements Order {
  readonly #small = new Map<string, Entry>();
  readonly #main = new Map<string, Entry>();
  readonly #ghosts = new Set<string>();
  #smallBytes = 0;
  #mainBytes = 0;

  use(key: string): void {
    const entry = this.#small.get(key) ?? this.#main.get(key);
    if (entry !== undefined) entry.uses = Math.min(MOST_USES, entry.uses + 1);
  }

  add(model: TraceModel): void {
    const entry = { model, uses: 0 };
    if (this.#ghosts.delete(model.key)) this.#toMain(entry);
    else {
      this.#small.set(model.key, entry);
      this.#smallBytes += model.residentBytes;
    }
  }

  delete(model: TraceModel): void {
    if (this.#main.delete(model.key)) this.#mainBytes -= model.residentBytes;
    else {
      this.#leaveSmall(model);
      this.#ghosts.add(model.key);
      for (const key of this.#ghosts) {
        if (this.#ghosts.size <= this.#main.size) break;
        this.#ghosts.delete(key);
      }
    }
  }

  *candidates(): Generator<TraceModel> {
    const small = this.#small.values();
    const main = this.#main.values();
    let offeredBytes = 0;
    for (;;) {
      const isSmallFull =
        this.#smallBytes - offeredBytes > SMALL_SHARE * (this.#smallBytes + this.#mainBytes);
      let entry = isSmallFull ? small.next().value : undefined;
      if (entry !== undefined) {
        if (entry.uses > 1) {
          this.#leaveSmall(entry.model);
          entry.uses = 0;
          this.#toMain(entry);
        } else {
          offeredBytes += entry.model.residentBytes;
          yield entry.model;
        }
        continue;
      }
      entry = main.next().value ?? small.next().value;
      if (entry === undefined) return;
      if (entry.uses > 0 && this.#main.delete(entry.model.key)) {
        entry.uses--;
        this.#main.set(entry.model.key, entry);
      } else yield entry.model;
    }
  }

  #toMain(entry: Entry): void {
    this.#main.set(entry.model.key, entry);
    this.#mainBytes += entry.model.residentBytes;
  }

  #leaveSmall({ key, residentBytes }: TraceModel): void {
    this.#small.delete(key);
    this.#smallBytes -= residentBytes;
  }
}
