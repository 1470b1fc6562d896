import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  afterAnswer,
  afterFailure,
  afterPong,
  eject,
  GOOD_STANDING,
  isOutlier,
  mayEject,
  phaseOf,
  type Standing,
} from '../../../src/core/outliers.ts';

const limits = { workerFailures: 3, workerEjectMs: 1_000, workerEjectMaxMs: 8_000, ejectedPercent: 50 };

const failing = (times: number, from: Standing = GOOD_STANDING): Standing =>
  Array.from({ length: times }).reduce<Standing>((standing) => afterFailure(standing), from);

describe('who is passed over', () => {
  it('is who fails several times in a row, and one answer breaks the row', () => {
    assert.equal(isOutlier(failing(2), 0, limits), false);
    assert.equal(isOutlier(failing(3), 0, limits), true);
    assert.equal(isOutlier(failing(2, afterAnswer(failing(2), 0)), 0, limits), false);
  });

  it('is not who one model fails on, however often', () => {
    let standing = GOOD_STANDING;
    for (let times = 0; times < 100; times++) standing = afterFailure(standing, 'acme/churn');
    assert.equal(isOutlier(standing, 0, limits), false);
    standing = afterFailure(afterFailure(standing, 'acme/ltv'), 'other/churn');
    assert.equal(isOutlier(standing, 0, limits), true);
  });

  it('is back by what it was missing: a pong after a silence, an answer after failed calls', () => {
    for (const cause of ['silence', 'calls'] as const) {
      const out = eject(failing(3), cause, 0, 0, limits);
      assert.equal(phaseOf(out, 999), 'out');
      assert.equal(afterPong(out, 500), out, 'not before its time');
      assert.equal(phaseOf(afterAnswer(out, 500), 500), 'out', 'nor for what was sent before');
      assert.equal(phaseOf(out, 1_000), 'probation');
      assert.equal(phaseOf(afterPong(out, 1_000), 1_000), cause === 'silence' ? 'in' : 'probation');
      assert.equal(phaseOf(afterAnswer(out, 1_000), 1_000), 'in');
      assert.equal(isOutlier(afterFailure(out), 1_000, limits), true, 'one failure is enough on probation');
    }
  });

  it('stays away longer each time in a row, up to a bound, and starts anew after being well for long', () => {
    let standing = GOOD_STANDING;
    let nowMs = 0;
    const times: number[] = [];
    for (let round = 0; round < 6; round++) {
      standing = eject(standing, 'calls', nowMs, 0, limits);
      times.push(standing.untilMs - nowMs);
      nowMs = standing.untilMs;
      standing = afterAnswer(standing, nowMs);
    }
    assert.deepEqual(times, [1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
    nowMs += 8_001;
    assert.equal(eject(standing, 'calls', nowMs, 0, limits).untilMs - nowMs, 1_000);
  });

  it('is never more than its share of the workers, and never all; of two, one may be', () => {
    fc.assert(
      fc.property(fc.nat(200), fc.integer({ min: 0, max: 100 }), (known, ejectedPercent) => {
        let ejected = 0;
        while (mayEject(known, ejected, { ...limits, ejectedPercent })) ejected++;
        assert.ok(ejected <= Math.max(known >= 2 ? 1 : 0, (known * ejectedPercent) / 100));
        assert.ok(ejected < Math.max(1, known));
        if (known >= 2) assert.ok(ejected >= 1);
      }),
    );
  });

  it('comes back in any case, whatever happens, in no more than the longest time', () => {
    const event = fc.record({
      kind: fc.constantFrom('answer', 'pong', 'failure', 'modelFailure', 'silence'),
      afterMs: fc.nat(5_000),
      random: fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }),
    });
    fc.assert(
      fc.property(fc.array(event, { maxLength: 100 }), (events) => {
        let standing = GOOD_STANDING;
        let nowMs = 0;
        for (const { kind, afterMs, random } of events) {
          nowMs += afterMs;
          if (kind === 'answer') standing = afterAnswer(standing, nowMs);
          else if (kind === 'pong') standing = afterPong(standing, nowMs);
          else if (kind === 'silence') standing = eject(standing, 'silence', nowMs, random, limits);
          else standing = afterFailure(standing, kind === 'modelFailure' ? 'm' : undefined);
          if (isOutlier(standing, nowMs, limits)) standing = eject(standing, 'calls', nowMs, random, limits);
          assert.ok(standing.untilMs <= nowMs + limits.workerEjectMaxMs);
          assert.ok(standing.failures < limits.workerFailures || standing.out !== undefined);
        }
        const backMs = nowMs + limits.workerEjectMaxMs;
        assert.equal(phaseOf(afterAnswer(standing, backMs), backMs), 'in');
      }),
    );
  });
});
