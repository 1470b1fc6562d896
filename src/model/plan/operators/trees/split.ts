import { MODE } from './ensemble.ts';

/**
 * A branch as the walk knows it: a value that is at most the threshold (or equal to it) goes to the first child, any
 * other to the second, NaN where it is said. Every mode is one of these, exactly.
 */
export interface Split {
  threshold: number;
  isEqual: boolean;
  nanFirst: boolean;
  /** The first child is the false one. */
  isSwapped: boolean;
}

/** Writes into `split`: there are 100,000s. */
export function splitOf(
  split: Split,
  mode: number,
  threshold: number,
  missingTrue: boolean,
  isDouble: boolean,
): void {
  const isStrict = mode === MODE.LT || mode === MODE.GTE;
  split.isEqual = mode === MODE.EQ || mode === MODE.NEQ;
  split.isSwapped = mode === MODE.GTE || mode === MODE.GT || mode === MODE.NEQ;
  split.threshold = isStrict ? nextBelow(threshold, isDouble) : threshold;
  if (!split.isSwapped) {
    split.nanFirst = missingTrue;
    return;
  }
  // NaN is not equal to anything, which is true. Nothing is above NaN or below, so all go to the false child.
  split.nanFirst = !split.isEqual && !missingTrue;
  if (Number.isNaN(threshold) && !split.isEqual) split.threshold = Number.POSITIVE_INFINITY;
}

const f32 = new Float32Array(1);
const u32 = new Uint32Array(f32.buffer);
const f64 = new Float64Array(1);
const u64 = new BigUint64Array(f64.buffer);

/** value < threshold is value <= nextBelow(threshold). NaN, which nothing is at most, below the least. */
function nextBelow(threshold: number, isDouble: boolean): number {
  if (Number.isNaN(threshold) || threshold === Number.NEGATIVE_INFINITY) return Number.NaN;
  if (isDouble) {
    if (threshold === 0) return -Number.MIN_VALUE;
    f64[0] = threshold;
    u64[0] = (u64[0] as bigint) + (threshold > 0 ? -1n : 1n);
    return f64[0];
  }
  if (threshold === 0) return -(2 ** -149);
  f32[0] = threshold;
  u32[0] = (u32[0] as number) + (threshold > 0 ? -1 : 1);
  return f32[0];
}
