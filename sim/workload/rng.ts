/**
 * A seeded generator: xoshiro128** (Blackman and Vigna, "Scrambled linear pseudorandom number generators", 2018).
 * The same (seed, stream, index) gives the same numbers everywhere; different indexes of a stream never share a
 * state, so that no two models of a workload are alike by accident.
 */
export class Rng {
  #a: number;
  #b: number;
  #c: number;
  #d: number;

  constructor(seed: number, stream: Stream, index = 0) {
    this.#a = mix32(seed + 0x9e37_79b9);
    this.#b = mix32(index + 0x3c6e_f372);
    this.#c = mix32((this.#a ^ streamNumbers[stream]) + 0xdaa6_6d2b);
    this.#d = mix32((this.#b ^ this.#c) + 0x78dd_e6e4);
    // Seeds that differ in one bit are far apart after a few steps.
    for (let step = 0; step < 8; step++) this.next32();
  }

  /** 32 bits. */
  next32(): number {
    const scrambled = Math.imul(this.#b, 5);
    const result = Math.imul((scrambled << 7) | (scrambled >>> 25), 9) >>> 0;
    const shifted = this.#b << 9;
    this.#c ^= this.#a;
    this.#d ^= this.#b;
    this.#b ^= this.#c;
    this.#a ^= this.#d;
    this.#c ^= shifted;
    this.#d = (this.#d << 11) | (this.#d >>> 21);
    return result;
  }

  /** Strictly between 0 and 1, in steps of 2^-32. */
  unit(): number {
    return (this.next32() + 0.5) / 4_294_967_296;
  }

  between(low: number, high: number): number {
    return low + (high - low) * this.unit();
  }

  /** 0 to `count` - 1; `count` at most 2^32. */
  below(count: number): number {
    return Math.floor(this.unit() * count);
  }
}

/** What draws from a seed; one never shifts another's numbers. */
const streamNumbers = {
  kind: 1,
  template: 2,
  weights: 3,
  ranks: 4,
  arrivals: 5,
  popularity: 6,
  bodies: 7,
  faults: 8,
  clients: 9,
};
export type Stream = keyof typeof streamNumbers;

/** One to one on 32 bits: the finaliser of MurmurHash3. */
function mix32(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85eb_ca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2_ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
