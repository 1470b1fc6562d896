/**
 * Floats as integers of the same order, which processors compare faster: 0 for both zeros, and one above all for
 * whatever is NaN.
 */
export const NAN_KEY = 0x7fff_ffff;
/** Below every key: nothing is at most a threshold that is NaN, or equal to it. */
const NO_KEY = -0x8000_0000;
const INFINITY_BITS = 0x7f80_0000;

/** Of a float's bits. */
export function floatKey(bits: number): number {
  if ((bits & 0x7fff_ffff) > INFINITY_BITS) return NAN_KEY;
  return bits < 0 ? NO_KEY - bits : bits;
}

export function thresholdKeys(thresholds: Float64Array): Int32Array {
  const keys = new Int32Array(Float32Array.from(thresholds).buffer);
  for (let at = 0; at < keys.length; at++)
    keys[at] = Number.isNaN(thresholds[at]) ? NO_KEY : floatKey(keys[at] as number);
  return keys;
}
