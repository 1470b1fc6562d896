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
    assert.equal(prefersSecond(idle, idle), false);
    assert.equal(prefersSecond({ ...idle, inFlight: 64 }, idle), false);
    assert.equal(prefersSecond({ ...idle, queueDelayMs: 30 }, { ...idle, queueDelayMs: 20 }), false);
  });

  it('takes the second when the first has a queue or much under way', () => {
    assert.equal(prefersSecond({ ...idle, queueDelayMs: 6 }, idle), true);
    assert.equal(prefersSecond({ ...idle, inFlight: 200 }, idle), true);
  });

  it('never takes a second that would keep a request waiting as long', () => {
    fc.assert(
      fc.property(load, load, (first, second) => {
        if (prefersSecond(first, second)) assert.ok(expectedWaitMs(second) * 2 < expectedWaitMs(first));
        assert.ok(!(prefersSecond(first, second) && prefersSecond(second, first)));
      }),
    );
  });
});
