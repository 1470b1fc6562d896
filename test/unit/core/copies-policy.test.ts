import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { decideCopies, isCalm, type ModelLoad } from '../../../src/core/copies-policy.ts';

const limits = { hotQueueMs: 50, hotRequestsPerSecond: 1_000, hotCoolMs: 30_000 };
const idle: ModelLoad = {
  requestsPerSecond: 1,
  queueMs: 0,
  busyLanes: 0,
  copies: 1,
  maxCopies: 4,
  calmMs: 0,
};

const load: fc.Arbitrary<ModelLoad> = fc.record({
  requestsPerSecond: fc.double({ min: 0, max: 1e5, noNaN: true }),
  queueMs: fc.double({ min: 0, max: 1e4, noNaN: true }),
  busyLanes: fc.double({ min: 0, max: 16, noNaN: true }),
  copies: fc.integer({ min: 1, max: 8 }),
  maxCopies: fc.integer({ min: 0, max: 8 }),
  calmMs: fc.double({ min: 0, max: 1e6, noNaN: true }),
});

const decided = (changes: Partial<ModelLoad>) => decideCopies({ ...idle, ...changes }, limits).decision;

describe('how many copies a model has', () => {
  it('grows by one while requests wait or are many for its copies, up to the most', () => {
    assert.equal(decided({}), 'stay');
    assert.equal(decided({ queueMs: 51 }), 'grow');
    assert.equal(decided({ requestsPerSecond: 1_001 }), 'grow');
    assert.equal(decided({ requestsPerSecond: 1_001, copies: 2 }), 'stay');
    assert.equal(decided({ queueMs: 500, copies: 4 }), 'stay');
    assert.equal(decided({ queueMs: 500, maxCopies: 1 }), 'stay');
  });

  it('shrinks when it has been calm for long, and never for a short wait alone', () => {
    assert.equal(decided({ copies: 2, calmMs: 29_999 }), 'stay');
    assert.equal(decided({ copies: 2, calmMs: 30_000 }), 'shrink');
    assert.equal(decided({ copies: 2, calmMs: 1e9, busyLanes: 0.9 }), 'stay', 'one could not carry it');
    assert.equal(decided({ copies: 2, calmMs: 1e9, requestsPerSecond: 900 }), 'stay');
    assert.equal(decided({ copies: 3, maxCopies: 2, queueMs: 500 }), 'shrink', 'the shard is smaller now');
  });

  it('stays within its bounds, and does not go to and fro', () => {
    fc.assert(
      fc.property(load, (one) => {
        const { decision, reason } = decideCopies(one, limits);
        assert.ok(reason.length > 0);
        if (decision === 'grow') assert.ok(one.copies < one.maxCopies);
        if (decision !== 'shrink') return;
        assert.ok(one.copies > 1);
        // The same load on one copy less, its runs and requests unchanged, is no reason to grow again.
        const after = decideCopies({ ...one, copies: one.copies - 1, calmMs: 0 }, limits).decision;
        if (one.copies <= one.maxCopies) assert.notEqual(after, 'grow');
      }),
    );
  });

  it('is calm only when one copy less would carry it by far', () => {
    fc.assert(
      fc.property(load, (one) => {
        if (!isCalm(one, limits)) return;
        assert.ok(one.busyLanes <= (one.copies - 1) / 2);
        assert.ok(one.requestsPerSecond <= ((one.copies - 1) * limits.hotRequestsPerSecond) / 2);
      }),
    );
  });
});
