import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { expectedWaitMs, prefersSecond } from '../../../src/router/copy-choice.ts';

const idle = { queueDelayMs: 0, inFlight: 0 };
const load = fc.record({
  queueDelayMs: fc.double({ min: 0, max: 1e4, noNaN: true }),
  inFlight: fc.nat(4_096),
});

describe('the choice between two copies', () => {
  it('stays with the first while it is not clearly busier', () => {
    assert.equal(prefersSecond(idle, idle, false), false);
    assert.equal(prefersSecond({ ...idle, inFlight: 4_096 }, idle, false), false);
    assert.equal(prefersSecond({ ...idle, queueDelayMs: 200 }, idle, false), false);
    assert.equal(
      prefersSecond({ ...idle, queueDelayMs: 3_000 }, { ...idle, queueDelayMs: 2_000 }, false),
      false,
    );
  });

  it('takes the second when a load is shorter than the wait, unless a hot model is about to get a warm copy', () => {
    assert.equal(prefersSecond({ ...idle, queueDelayMs: 300 }, idle, false), true);
    assert.equal(prefersSecond({ ...idle, queueDelayMs: 300 }, idle, true), false);
    assert.equal(prefersSecond({ ...idle, queueDelayMs: 3_000 }, idle, true), true);
  });

  it('never takes a second that would keep a request waiting as long', () => {
    fc.assert(
      fc.property(load, load, fc.boolean(), (first, second, isHot) => {
        if (prefersSecond(first, second, isHot))
          assert.ok(expectedWaitMs(second) * 2 < expectedWaitMs(first));
        assert.ok(!(prefersSecond(first, second, isHot) && prefersSecond(second, first, isHot)));
      }),
    );
  });
});
