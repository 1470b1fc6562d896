import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { RetryBudget } from '../../../src/core/retry-budget.ts';

const options = { share: 0.2, floorPerSecond: 10, maxSaved: 50 };

describe('RetryBudget', () => {
  it('starts full, then gives the floor', () => {
    const budget = new RetryBudget(0, options);
    for (let index = 0; index < 50; index++) assert.ok(budget.tryRetry(0));
    assert.ok(!budget.tryRetry(0));
    assert.ok(!budget.tryRetry(99));
    assert.ok(budget.tryRetry(100));
    assert.ok(!budget.tryRetry(50), 'a clock that goes back gives nothing');
  });

  it('never allows more than the saved, the share of the requests and the floor', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('request' as const) }),
      fc.record({ kind: fc.constant('retry' as const), afterMs: fc.nat(500) }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const budget = new RetryBudget(0, options);
        let nowMs = 0;
        let requests = 0;
        let retries = 0;
        for (const one of steps) {
          if (one.kind === 'request') {
            requests++;
            budget.request();
          } else {
            nowMs += one.afterMs;
            if (budget.tryRetry(nowMs)) retries++;
          }
          assert.ok(retries <= 50 + requests * 0.2 + (nowMs / 1_000) * 10 + 1e-9);
        }
      }),
    );
  });
});
