import murmurhash from 'murmurhash';

/** Any two seeds; the two halves must only be independent of each other. */
const HIGH_SEED = 0x5ea1_0001;
const LOW_SEED = 0x5ea1_0002;
const LOW_BITS = 2 ** 26;
const POINTS = 2 ** 53;

/** 32 bits of text; UTF-8 for what isn't ASCII. MurmurHash3 x86_32. */
function hash32(text: string, seed: number): number {
  return murmurhash.v3(text, seed);
}

/**
 * A point strictly between 0 and 1 with 53 bits of two 32-bit hashes: fine enough that ties don't happen.
 * Hashes `text` seeded by `salt`, so that one text has an independent point for every salt.
 */
export function hashPoint(text: string, salt: string): number {
  return seededPoint(text, saltSeeds(salt));
}

export interface Seeds {
  readonly high: number;
  readonly low: number;
}

export function saltSeeds(salt: string): Seeds {
  return { high: hash32(salt, HIGH_SEED), low: hash32(salt, LOW_SEED) };
}

/** hashPoint for many texts under one salt. */
export function seededPoint(text: string, seeds: Seeds): number {
  const high = hash32(text, seeds.high) >>> 5;
  const low = hash32(text, seeds.low) >>> 6;
  // The numerator is at most 2^53 - 1; 0 and 1 themselves have no use as a logarithm's argument.
  return Math.max(high * LOW_BITS + low, 0.5) / POINTS;
}
