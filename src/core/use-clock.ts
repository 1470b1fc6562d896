/** A use counts half after so many uses of any model for each resident one, and not before the floor. */
const HALF_LIFE_USES = 3;
const HALF_LIFE_FLOOR_USES = 256;

/** A power of two, so that scaling by it changes no order. */
const SCALE = 2 ** 400;

/**
 * Time counted in uses, for weights that fade. Instead of all old uses fading, new ones count more and more ("forward
 * decay"): a weight is the sum of what its uses counted, and changes by nothing else.
 */
export class UseClock {
  /** What a use counts now. */
  increment = 1;
  #growth = growthOf(0);
  #resident = 0;
  readonly #scalers: ((by: number) => void)[] = [];

  /** To be called after each use; by how much more the next one counts follows from how many models are resident. */
  tick(): void {
    this.increment *= this.#growth;
    if (this.increment > SCALE) this.#scaleDown();
  }

  /** So many more, or fewer, models are resident. */
  count(by: number): void {
    this.#resident += by;
    this.#growth = growthOf(this.#resident);
  }

  /** `scale` divides all weights that were summed by this clock. */
  onScale(scale: (by: number) => void): void {
    this.#scalers.push(scale);
  }

  /** Before the numbers overflow: once in 400 half-lives, so that it costs next to nothing a use. */
  #scaleDown(): void {
    this.increment /= SCALE;
    for (const scale of this.#scalers) scale(SCALE);
  }
}

function growthOf(residentModels: number): number {
  return 2 ** (1 / Math.max(HALF_LIFE_FLOOR_USES, HALF_LIFE_USES * residentModels));
}
