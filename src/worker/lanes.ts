import type { LaneModel } from './lane/batch.ts';
import { Lane, type LaneOptions } from './lane/lane.ts';

/** A loaded model's place: the lane that has its session, and its handle there. */
export interface Placed extends LaneModel {
  readonly lane: Pick<Lane, 'run' | 'cancel' | 'load' | 'release'>;
}

/** What residency needs of the lanes. */
export interface LanePlacement {
  place(residentBytes: number): Placed;
  unplace(placed: Placed, residentBytes: number): void;
}

/** All lanes of a worker: one thread each, so that a model's session is always met by its own thread. */
export class Lanes implements LanePlacement {
  readonly #lanes: readonly Lane[];
  readonly #residentBytes: Map<Placed['lane'], number>;
  #nextHandle = 1;

  constructor(options: LaneOptions & { count: number }) {
    this.#lanes = Array.from({ length: options.count }, () => new Lane(options));
    this.#residentBytes = new Map(this.#lanes.map((lane) => [lane, 0]));
  }

  get count(): number {
    return this.#lanes.length;
  }

  async ready(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.ready()));
  }

  /** Expected wait of a request arriving now: the mean over the lanes, since any of them may have its model. */
  queueDelayUs(): number {
    let sumUs = 0;
    for (const lane of this.#lanes) sumUs += lane.delayUs();
    return sumUs / this.#lanes.length;
  }

  /** A place for a model about to be loaded: the lane with the fewest bytes, then with the least to do. */
  place(residentBytes: number): Placed {
    let best = this.#lanes[0] as Lane;
    for (const lane of this.#lanes) {
      const lessBytes = this.#bytesOf(lane) - this.#bytesOf(best);
      if (lessBytes < 0 || (lessBytes === 0 && lane.delayUs() < best.delayUs())) best = lane;
    }
    this.#residentBytes.set(best, this.#bytesOf(best) + residentBytes);
    return { lane: best, handle: this.#nextHandle++ };
  }

  /** The model is gone from its lane. */
  unplace(placed: Placed, residentBytes: number): void {
    this.#residentBytes.set(placed.lane, this.#bytesOf(placed.lane) - residentBytes);
  }

  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }

  #bytesOf(lane: Placed['lane']): number {
    return this.#residentBytes.get(lane) ?? 0;
  }
}
