import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Answer, History } from '../../chaos/history.ts';
import { FAULTS, planFaults } from '../../chaos/plan.ts';

const size = { routers: 2, workers: 4, managers: 2 };

describe('the plan of a chaos run', () => {
  it('is the same for the same seed, and another for another', () => {
    assert.deepEqual(planFaults(7, 300_000, size), planFaults(7, 300_000, size));
    assert.notDeepEqual(planFaults(7, 300_000, size), planFaults(8, 300_000, size));
  });

  it('has every fault, all over before the end, and never befalls the last process of a kind', () => {
    const faults = planFaults(1, 300_000, size);
    assert.deepEqual(new Set(faults.map(({ kind }) => kind)), new Set(FAULTS));
    for (const { atMs, lastsMs } of faults) assert.ok(atMs + lastsMs <= 300_000);
    for (const part of ['router', 'manager']) {
      const own = faults.filter(({ kind }) => kind.endsWith(part));
      for (const [index, { atMs }] of own.entries()) {
        const before = own[index - 1];
        assert.ok(before === undefined || before.atMs + before.lastsMs <= atMs, part);
      }
    }
  });
});

describe('the history of a chaos run', () => {
  const base = { tenant: 'a', router: 'r0', worker: 'w0', version: 'v1', x: 3, y: 4, sentAtMs: 5 };

  /** v1 and v2 are acknowledged, v3 is under way; v2 was answered at 20. */
  function violationsOf(answer: Partial<Answer>): string[] {
    const clock = { nowMs: 0 };
    const history = new History(
      () => clock.nowMs,
      (_tenant, worker) => worker === 'w0',
    );
    for (const number of [1, 2]) {
      history.registering({ tenant: 'a', number });
      history.registered({ tenant: 'a', number });
    }
    history.registering({ tenant: 'a', number: 3 });
    history.registering({ tenant: 'b', number: 4 });
    clock.nowMs = 20;
    history.answered({ ...base, version: 'v2', y: 5 });
    clock.nowMs = 40;
    history.answered({ ...base, ...answer });
    return history.violations.map((violation) => violation.slice(0, violation.indexOf(':')));
  }

  it('takes what may be', () => {
    assert.deepEqual(violationsOf({ version: 'v2', y: 5, sentAtMs: 30 }), []);
    assert.deepEqual(violationsOf({ version: 'v3', y: 6, sentAtMs: 30 }), []);
    assert.deepEqual(violationsOf({ sentAtMs: 19 }), [], 'it was sent before v2 was seen');
    assert.deepEqual(violationsOf({ sentAtMs: 30, router: 'r1' }), [], 'another router may be behind');
  });

  it('names what may not', () => {
    assert.deepEqual(violationsOf({ sentAtMs: 30 }), ['the router went back from v2']);
    assert.deepEqual(violationsOf({ y: 5 }), ['an answer that its version does not give (4)']);
    assert.deepEqual(violationsOf({ y: 'NaN' }), ['an answer that its version does not give (4)']);
    assert.deepEqual(violationsOf({ worker: 'w1' }), ['an answer from outside the shard']);
    const foreign = "an answer of a version that is none of the tenant's";
    assert.deepEqual(violationsOf({ version: 'v4', y: 7 }), [foreign]);
    assert.deepEqual(violationsOf({ version: 'x' }), [foreign]);
  });
});
