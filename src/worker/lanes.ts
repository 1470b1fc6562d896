import type { ModelKey } from '../wire/model-key.ts';
import type { LaneModel } from './lane/batch.ts';
import { Lane } from './lane/lane.ts';
import type { LaneOptions } from './lane/options.ts';

/** A loaded model's place: the lane that has its session, and its handle there. */
export interface Placed extends LaneModel {
  readonly lane: Pick<Lane, 'run' | 'cancel' | 'load' | 'release' | 'delayUs' | 'isHeld' | 'isHeldBy'>;
}

/** What residency needs of the lanes. */
export interface LanePlacement {
  /** Before its load begins; its handle is used for no other. */
  place(residentBytes: number): Placed;
  unplace(placed: Placed, residentBytes: number): void;
}

/** What such a model takes to load (2 ms a MiB or so) is too long for runs of small ones to wait behind. */
const HEAVY_BYTES = 2 * 1024 * 1024;

export function isHeavy(residentBytes: number): boolean {
  return residentBytes >= HEAVY_BYTES;
}

export interface LanesOptions extends LaneOptions {
  /** Lanes for models that load in a moment. */
  readonly light: number;
  /** Lanes for the others; 0: those have no lanes of their own. */
  readonly heavy: number;
}

/**
 * All lanes of a worker: one thread each, so that a model's session is always met by its own thread. A load blocks its
 * thread, so models that take long to load have lanes of their own, and the system shares the cores among the lanes:
 * a load of 50 ms delays the runs of large models in its lane, and those of small ones hardly at all.
 */
export class Lanes implements LanePlacement {
  readonly #light: readonly Lane[];
  readonly #heavy: readonly Lane[];
  readonly #lanes: readonly Lane[];
  readonly #residentBytes: Map<Placed['lane'], number>;
  #nextHandle = 1;

  constructor({ light, heavy, ...options }: LanesOptions) {
    this.#lanes = Array.from({ length: light + heavy }, (_, lane) => new Lane(lane, options));
    this.#light = this.#lanes.slice(0, light);
    this.#heavy = heavy === 0 ? this.#light : this.#lanes.slice(light);
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

  /**
   * A place for a model about to be loaded: of the lanes for its size that nothing holds the one with the fewest
   * bytes, then with the least to do.
   */
  place(residentBytes: number): Placed {
    const lanes = isHeavy(residentBytes) ? this.#heavy : this.#light;
    let best = lanes[0] as Lane;
    for (const lane of lanes) if (this.#isBetter(lane, best)) best = lane;
    this.#residentBytes.set(best, this.#bytesOf(best) + residentBytes);
    return { lane: best, handle: this.#nextHandle++ };
  }

  /** The model is gone from its lane. */
  unplace(placed: Placed, residentBytes: number): void {
    this.#residentBytes.set(placed.lane, this.#bytesOf(placed.lane) - residentBytes);
  }

  /** For a run of a plan, which any lane can do: one that it holds already, else the one with the least to do. */
  forPlan(key: ModelKey): Placed['lane'] {
    let best = this.#light[0] as Lane;
    for (const lane of this.#light) {
      if (lane.isHeldBy(key)) return lane;
      if (lane.isHeld === best.isHeld ? lane.delayUs() < best.delayUs() : best.isHeld) best = lane;
    }
    return best;
  }

  async close(): Promise<void> {
    await Promise.all(this.#lanes.map((lane) => lane.close()));
  }

  #isBetter(lane: Lane, than: Lane): boolean {
    if (lane.isHeld !== than.isHeld) return than.isHeld;
    const lessBytes = this.#bytesOf(lane) - this.#bytesOf(than);
    return lessBytes < 0 || (lessBytes === 0 && lane.delayUs() < than.delayUs());
  }

  #bytesOf(lane: Placed['lane']): number {
    return this.#residentBytes.get(lane) ?? 0;
  }
}
