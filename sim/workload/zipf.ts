import { Rng } from './rng.ts';

/**
 * Ranks 1 to `count`, rank k with a probability in proportion to k^-exponent, in constant time and memory.
 * Rejection-inversion: W. Hörmann and G. Derflinger, "Rejection-inversion to generate variates from monotone
 * discrete distributions", ACM TOMACS 6 (1996). Exponent 0 is uniform.
 */
export class Zipf {
  readonly #count: number;
  readonly #exponent: number;
  /** The area under the hat, from the left end of rank 1 to the right end of the last. */
  readonly #areaFrom: number;
  readonly #areaTo: number;
  /** A rank at most so far right of its point is surely under the curve. */
  readonly #surely: number;

  constructor(count: number, exponent: number) {
    this.#count = count;
    this.#exponent = exponent;
    this.#areaFrom = this.#area(1.5) - 1;
    this.#areaTo = this.#area(count + 0.5);
    this.#surely = 2 - this.#pointOf(this.#area(2.5) - this.#density(2));
  }

  rank(rng: Rng): number {
    for (;;) {
      const area = rng.between(this.#areaFrom, this.#areaTo);
      const point = this.#pointOf(area);
      const rank = Math.min(this.#count, Math.max(1, Math.round(point)));
      if (rank - point <= this.#surely || area >= this.#area(rank + 0.5) - this.#density(rank)) return rank;
    }
  }

  #density(x: number): number {
    return Math.exp(-this.#exponent * Math.log(x));
  }

  /** The integral of x^-exponent from 1, also near exponent 1 where the closed form is 0/0. */
  #area(x: number): number {
    const log = Math.log(x);
    const scaled = (1 - this.#exponent) * log;
    return Math.abs(scaled) < 1e-8 ? log * (1 + scaled / 2) : (log * Math.expm1(scaled)) / scaled;
  }

  #pointOf(area: number): number {
    const scaled = Math.max(-1, (1 - this.#exponent) * area);
    return Math.exp(Math.abs(scaled) < 1e-8 ? area * (1 - scaled / 2) : (area * Math.log1p(scaled)) / scaled);
  }
}

/** Which model has which rank: a shuffle by seed (Fisher-Yates), so that popularity says nothing of the index. */
export function modelsByRank(seed: number, count: number): Uint32Array {
  const models = Uint32Array.from({ length: count }, (_, index) => index);
  const rng = new Rng(seed, 'ranks');
  for (let at = count - 1; at > 0; at--) {
    const other = rng.below(at + 1);
    const model = models[at] as number;
    models[at] = models[other] as number;
    models[other] = model;
  }
  return models;
}
