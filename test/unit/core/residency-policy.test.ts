import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decideLoad } from '../../../src/core/residency-policy.ts';

const world = fc
  .record({
    budgetBytes: fc.nat(1_000),
    neededBytes: fc.nat(1_000),
    leavingBytes: fc.nat(300),
    leasedBytes: fc.nat(300),
    idleBytes: fc.array(fc.nat(200), { maxLength: 12 }),
  })
  .map(({ idleBytes, leasedBytes, ...rest }) => {
    const idle = idleBytes.map((residentBytes, index) => ({ key: `m${index}`, residentBytes }));
    const usedBytes = leasedBytes + rest.leavingBytes + idleBytes.reduce((sum, bytes) => sum + bytes, 0);
    return { ...rest, leasedBytes, usedBytes, idle };
  });

test('loads only within the budget, evicts only what is needed and only when nothing leaves anyway', () => {
  fc.assert(
    fc.property(world, (snapshot) => {
      const { budgetBytes, neededBytes, usedBytes, leavingBytes, leasedBytes, idle } = snapshot;
      const decision = decideLoad(snapshot);
      if (decision.action === 'load') assert.ok(usedBytes + neededBytes <= budgetBytes);
      else if (decision.action === 'refuse') assert.ok(neededBytes > budgetBytes);
      else if (decision.action === 'evict') {
        const gone = idle.filter((model) => decision.keys.includes(model.key));
        assert.equal(gone.length, decision.keys.length);
        const after = (bytes: number) => usedBytes - leavingBytes - bytes + neededBytes;
        const freed = gone.reduce((sum, model) => sum + model.residentBytes, 0);
        assert.ok(after(freed) <= budgetBytes);
        for (const model of gone) assert.ok(after(freed - model.residentBytes) > budgetBytes);
      } else if (decision.reason === 'evicting') assert.ok(leavingBytes > 0);
      else assert.ok(leasedBytes + neededBytes > budgetBytes);
    }),
  );
});

test('those least worth keeping go first', () => {
  const idle = [
    { key: 'least', residentBytes: 10 },
    { key: 'less', residentBytes: 10 },
    { key: 'more', residentBytes: 10 },
  ];
  const snapshot = { budgetBytes: 30, neededBytes: 15, usedBytes: 30, leavingBytes: 0, idle };
  assert.deepEqual(decideLoad(snapshot), { action: 'evict', keys: ['least', 'less'] });
});

test('a small one stays when a large one has to go in any case', () => {
  const idle = [
    { key: 'small', residentBytes: 5 },
    { key: 'large', residentBytes: 50 },
  ];
  const snapshot = { budgetBytes: 60, neededBytes: 40, usedBytes: 55, leavingBytes: 0, idle };
  assert.deepEqual(decideLoad(snapshot), { action: 'evict', keys: ['large'] });
});

test('a model beyond the whole budget is refused with both figures', () => {
  const decision = decideLoad({ budgetBytes: 10, neededBytes: 11, usedBytes: 0, leavingBytes: 0, idle: [] });
  assert.deepEqual(decision, {
    action: 'refuse',
    reason: "the model needs 11 bytes, the worker's whole budget is 10 bytes",
  });
});
