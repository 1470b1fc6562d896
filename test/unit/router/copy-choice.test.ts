import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { expectedWaitMs, prefersSecond, silenceOf } from '../../../src/router/copy-choice.ts';

const SILENCE_MS = silenceOf({ laneOverrunMs: 500 });
const idle = { queueDelayMs: 0, inFlight: 0, silentMs: 0 };
const load = fc.record({
  queueDelayMs: fc.double({ min: 0, max: 1e4, noNaN: true }),
  inFlight: fc.nat(4_096),
  silentMs: fc.double({ min: 0, max: 1e4, noNaN: true }),
});

describe('the choice between two copies', () => {
  it('stays with the first while it is not clearly busier', () => {
    assert.equal(prefersSecond(idle, idle, SILENCE_MS), false);
    assert.equal(prefersSecond({ ...idle, inFlight: 64 }, idle, SILENCE_MS), false);
    assert.equal(prefersSecond({ ...idle, silentMs: 749 }, idle, SILENCE_MS), false, 'an ordinary run');
    assert.equal(
      prefersSecond({ ...idle, queueDelayMs: 30 }, { ...idle, queueDelayMs: 20 }, SILENCE_MS),
      false,
    );
  });

  it('takes the second when the first has a queue, much under way, or is silent', () => {
    assert.equal(prefersSecond({ ...idle, queueDelayMs: 6 }, idle, SILENCE_MS), true);
    assert.equal(prefersSecond({ ...idle, inFlight: 200 }, idle, SILENCE_MS), true);
    assert.equal(prefersSecond({ ...idle, silentMs: 760 }, idle, SILENCE_MS), true);
  });

  it('never takes a second that would keep a request waiting as long', () => {
    fc.assert(
      fc.property(load, load, (first, second) => {
        if (prefersSecond(first, second, SILENCE_MS))
          assert.ok(expectedWaitMs(second, SILENCE_MS) * 2 < expectedWaitMs(first, SILENCE_MS));
        assert.ok(!(prefersSecond(first, second, SILENCE_MS) && prefersSecond(second, first, SILENCE_MS)));
      }),
    );
  });
});
