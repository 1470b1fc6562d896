import { type Scored, ScoreHeap } from './score-heap.ts';
import { UseClock } from './use-clock.ts';

/** A resident model as the choice of what to evict sees it. */
export interface EvictionCandidate {
  readonly key: string;
  readonly residentBytes: number;
  /** What loading it again would take. */
  readonly loadUs: number;
}

/** What any cold request costs beside the load, which makes a small model worth more than its load time alone. */
export const MISS_US = 2_000;

/** Of models that aren't resident, as many are remembered as are resident, or the floor. */
export const REMEMBERED_FLOOR = 64;

interface Fame<M> extends Scored {
  readonly key: string;
  /** Uses, later ones counting more: as they weigh in units of the first one. */
  weight: number;
  /** Microseconds that a byte of it saves at each use; infinite before the first load. */
  density: number;
  /** Undefined when it isn't resident. */
  model: M | undefined;
}

/**
 * Which resident models are worth keeping: those whose uses, the old ones fading, save the most load time for each
 * byte. Frequency with exponential ageing (D. Lee et al., "LRFU", IEEE Transactions on Computers 2001) times cost
 * by bytes (P. Cao and S. Irani, "Cost-aware WWW proxy caching algorithms", USITS 1997). sim/residency compares it
 * with others.
 *
 * A score changes only by a use and only upwards (use-clock.ts). `use` is on the hot path of every request: one
 * look-up and two multiplications.
 */
export class EvictionOrder<M extends EvictionCandidate> {
  readonly #resident = new Map<string, Fame<M>>();
  /** Fame of others, longest here first: a model that comes back is no stranger. */
  readonly #gone = new Map<string, Fame<M>>();
  readonly #heap = new ScoreHeap<Fame<M>>(({ weight, density }) => weight * density);
  readonly #clock: UseClock;

  /** `clock`: shared with what else is evicted by the same measure. */
  constructor(clock = new UseClock()) {
    this.#clock = clock;
    clock.onScale((by) => this.#scaleDown(by));
  }

  /** Models that it knows of, resident or not. */
  get remembered(): number {
    return this.#resident.size + this.#gone.size;
  }

  /** A request asked for the model, resident or not. */
  use(key: string): void {
    const fame = this.#resident.get(key) ?? this.#gone.get(key);
    if (fame === undefined) this.#remember(this.#stranger(key));
    else fame.weight += this.#clock.increment;
    this.#clock.tick();
  }

  /** It has become resident; it wasn't before. */
  add(model: M): void {
    const { key, residentBytes, loadUs } = model;
    const fame = this.#gone.get(key) ?? this.#stranger(key);
    // A load that was measured on a busy machine looks dearer than it is: the cheapest remembered one counts.
    fame.density = Math.min(fame.density, (MISS_US + loadUs) / Math.max(1, residentBytes));
    fame.model = model;
    this.#gone.delete(key);
    this.#resident.set(key, fame);
    this.#heap.push(fame);
    this.#clock.count(1);
  }

  /** It is no longer resident. */
  delete(model: M): void {
    const fame = this.#resident.get(model.key);
    if (fame?.model !== model) return;
    this.#heap.delete(fame);
    this.#resident.delete(model.key);
    fame.model = undefined;
    this.#remember(fame);
    this.#clock.count(-1);
  }

  /** Microseconds saved a byte, uses weighed as the clock has it: what is worth less goes first. For one that is resident. */
  scoreOf(model: M): number {
    const { weight, density } = this.#resident.get(model.key) as Fame<M>;
    return weight * density;
  }

  /** All of them, those least worth keeping first, found as they are asked for. Nothing may change meanwhile. */
  *candidates(): Generator<M> {
    for (const { model } of this.#heap.ascending()) yield model as M;
  }

  #stranger(key: string): Fame<M> {
    return {
      key,
      weight: this.#clock.increment,
      density: Number.POSITIVE_INFINITY,
      model: undefined,
      score: 0,
      place: 0,
    };
  }

  #remember(fame: Fame<M>): void {
    this.#gone.set(fame.key, fame);
    const limit = Math.max(REMEMBERED_FLOOR, this.#resident.size);
    for (const key of this.#gone.keys()) {
      if (this.#gone.size <= limit) return;
      this.#gone.delete(key);
    }
  }

  #scaleDown(by: number): void {
    for (const fame of this.#gone.values()) fame.weight /= by;
    for (const fame of this.#resident.values()) {
      fame.weight /= by;
      fame.score /= by;
    }
  }
}
