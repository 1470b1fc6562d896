import type { ModelKey } from '../../wire/model-key.ts';

/** Of all versions of a model the same: tenant and model alone count. `seed`: what nobody outside can know. */
export function modelHash(key: ModelKey, seed: number): number {
  const end = key.indexOf('/', key.indexOf('/') + 1);
  return hash(key, end < 0 ? key.length : end, seed);
}

/** Of one version. */
export function versionHash(key: ModelKey, seed: number): number {
  return hash(key, key.length, seed);
}

/** MurmurHash3's mixing, a character at a time: keys are short, and no copy is made. */
function hash(text: string, end: number, seed: number): number {
  let sum = seed;
  for (let at = 0; at < end; at++) {
    sum ^= Math.imul(text.charCodeAt(at), 0xcc9e2d51);
    sum = (sum << 13) | (sum >>> 19);
    sum = (Math.imul(sum, 5) + 0xe6546b64) | 0;
  }
  sum ^= sum >>> 16;
  sum = Math.imul(sum, 0x85ebca6b);
  sum ^= sum >>> 13;
  sum = Math.imul(sum, 0xc2b2ae35);
  return (sum ^ (sum >>> 16)) >>> 0;
}
