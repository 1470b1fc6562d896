import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { arrivalTimesMs } from '../../../sim/workload/arrivals.ts';
import { Rng } from '../../../sim/workload/rng.ts';
import { modelsByRank, Zipf } from '../../../sim/workload/zipf.ts';

describe('zipf', () => {
  const draws = 200_000;

  for (const exponent of [0, 0.6, 1, 1.0001, 1.5]) {
    test(`ranks at exponent ${exponent} come as often as theory says`, () => {
      const count = 1_000;
      const zipf = new Zipf(count, exponent);
      const rng = new Rng(5, 'popularity');
      const got = new Float64Array(count);
      for (let draw = 0; draw < draws; draw++) got[zipf.rank(rng) - 1]! += 1;
      const expected = Float64Array.from({ length: count }, (_, at) => (at + 1) ** -exponent);
      const sum = expected.reduce((total, weight) => total + weight, 0);
      let chiSquare = 0;
      let bins = 0;
      for (const group of groupsOf(expected, draws / sum)) {
        const wanted = total(expected, group) * (draws / sum);
        chiSquare += (total(got, group) - wanted) ** 2 / wanted;
        bins++;
      }
      // A chi-square of d degrees of freedom has mean d and variance 2d.
      assert.ok(Math.abs(chiSquare - bins) < 5 * Math.sqrt(2 * bins), `${chiSquare} in ${bins} bins`);
    });
  }

  test('half a million ranks: the head is right, the ends are reached and never passed', () => {
    const count = 500_000;
    const zipf = new Zipf(count, 1);
    const rng = new Rng(6, 'popularity');
    let first = 0;
    let highest = 0;
    for (let draw = 0; draw < draws; draw++) {
      const rank = zipf.rank(rng);
      assert.ok(Number.isInteger(rank) && rank >= 1 && rank <= count);
      if (rank === 1) first++;
      highest = Math.max(highest, rank);
    }
    const share = 1 / (Math.log(count) + 0.5772);
    assert.ok(Math.abs(first - draws * share) < 5 * Math.sqrt(draws * share), `${first}`);
    assert.ok(highest > count * 0.99);
  });

  test('one model has every rank', () => {
    const zipf = new Zipf(1, 1);
    const rng = new Rng(1, 'popularity');
    for (let draw = 0; draw < 100; draw++) assert.equal(zipf.rank(rng), 1);
  });

  test('ranks are a permutation of the models by seed', () => {
    const models = modelsByRank(3, 10_000);
    assert.deepEqual(modelsByRank(3, 10_000), models);
    assert.notDeepEqual(modelsByRank(4, 10_000), models);
    assert.deepEqual(
      models.toSorted(),
      Uint32Array.from({ length: 10_000 }, (_, index) => index),
    );
  });
});

describe('arrivals', () => {
  const options = { seed: 9, ratePerSecond: 2_000, durationMs: 60_000 };

  test('constant: one every gap', () => {
    const times = [...arrivalTimesMs({ ...options, arrivals: 'constant', durationMs: 5 })];
    assert.deepEqual(times, [0, 0.5, 1, 1.5, 2, 2.5, 3, 3.5, 4, 4.5]);
  });

  test('Poisson: exponential gaps, in order, within the duration, by seed', () => {
    const times = [...arrivalTimesMs({ ...options, arrivals: 'poisson' })];
    assert.deepEqual(times, [...arrivalTimesMs({ ...options, arrivals: 'poisson' })]);
    assert.notDeepEqual(times, [...arrivalTimesMs({ ...options, seed: 10, arrivals: 'poisson' })]);
    const expected = 120_000;
    assert.ok(Math.abs(times.length - expected) < 5 * Math.sqrt(expected), `${times.length}`);
    const gaps = times.map((atMs, number) => atMs - (times[number - 1] ?? 0));
    assert.ok(gaps.every((gap) => gap >= 0) && (times.at(-1) as number) < options.durationMs);
    // P(gap > t) = e^(-t / mean)
    for (const factor of [0.1, 0.5, 1, 2, 4]) {
      const share = gaps.filter((gap) => gap > 0.5 * factor).length / gaps.length;
      const wanted = Math.exp(-factor);
      assert.ok(Math.abs(share - wanted) < 5 * Math.sqrt((wanted * (1 - wanted)) / gaps.length), `${factor}`);
    }
  });
});

/** Neighbouring ranks together until at least 50 draws are expected of them. */
function* groupsOf(weights: Float64Array, scale: number): Generator<readonly [from: number, to: number]> {
  let from = 0;
  let sum = 0;
  for (const [at, weight] of weights.entries()) {
    sum += weight * scale;
    if (sum < 50 && at < weights.length - 1) continue;
    yield [from, at + 1];
    from = at + 1;
    sum = 0;
  }
}

function total(values: Float64Array, [from, to]: readonly [number, number]): number {
  return values.subarray(from, to).reduce((sum, value) => sum + value, 0);
}
