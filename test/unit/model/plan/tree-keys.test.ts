import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { MODE } from '../../../../src/model/plan/operators/trees/ensemble.ts';
import { floatKey, thresholdKeys } from '../../../../src/model/plan/operators/trees/float-keys.ts';
import { type Split, splitOf } from '../../../../src/model/plan/operators/trees/split.ts';

const ODD = [0, -0, 2 ** -149, -(2 ** -149), 3.4028234663852886e38, Infinity, -Infinity, Number.NaN, 1];
const float = fc.oneof(fc.float(), fc.constantFrom(...ODD));
const double = fc.oneof(fc.double(), fc.constantFrom(...ODD, Number.MIN_VALUE, -Number.MIN_VALUE));

function keyOf(value: number): number {
  const bits = new Int32Array(Float32Array.of(value).buffer);
  return floatKey(bits[0] as number);
}

test('keys of floats are in the order of the floats, and nothing is at most NaN', () => {
  fc.assert(
    fc.property(float, float, (value, threshold) => {
      const [key] = thresholdKeys(Float64Array.of(threshold));
      if (!Number.isNaN(value)) assert.equal(keyOf(value) <= (key as number), value <= threshold);
      assert.equal(keyOf(value) === key, value === threshold);
    }),
    { numRuns: 5_000 },
  );
});

const ASKS: readonly (readonly [mode: number, ask: (value: number, threshold: number) => boolean])[] = [
  [MODE.LEQ, (value, threshold) => value <= threshold],
  [MODE.LT, (value, threshold) => value < threshold],
  [MODE.GTE, (value, threshold) => value >= threshold],
  [MODE.GT, (value, threshold) => value > threshold],
  [MODE.EQ, (value, threshold) => value === threshold],
  [MODE.NEQ, (value, threshold) => value !== threshold],
];

test('a split sends every value where its mode does, NaN among them', () => {
  const cases = fc.oneof(
    fc.tuple(fc.constant(false), float, float),
    fc.tuple(fc.constant(true), double, double),
  );
  const near = fc.constantFrom(0, 1, -1);
  const split: Split = { threshold: 0, isEqual: false, nanFirst: false, isSwapped: false };
  fc.assert(
    fc.property(cases, near, fc.constantFrom(...ASKS), fc.boolean(), (drawn, step, asked, missingTrue) => {
      const [isDouble, threshold, other] = drawn;
      const value = step === 0 ? other : threshold + step * Math.abs(threshold) * 2 ** (isDouble ? -52 : -23);
      const [mode, ask] = asked;
      splitOf(split, mode, threshold, missingTrue, isDouble);
      const rounded = isDouble ? value : Math.fround(value);
      const isFirst = Number.isNaN(rounded)
        ? split.nanFirst
        : split.isEqual
          ? rounded === split.threshold
          : rounded <= split.threshold;
      const isTrue = ask(rounded, threshold) || (missingTrue && Number.isNaN(rounded));
      assert.equal(isFirst !== split.isSwapped, isTrue);
    }),
    { numRuns: 20_000 },
  );
});
