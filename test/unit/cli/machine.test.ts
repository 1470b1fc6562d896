import assert from 'node:assert/strict';
import { test } from 'node:test';
import { defaultBudgetBytes } from '../../../src/cli/machine.ts';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';

const GIB = 1024 ** 3;
const OVERHEAD = DEFAULT_LIMITS.workerOverheadBytes;

test('budgets and overheads fit into the machine', () => {
  assert.equal(defaultBudgetBytes(2, OVERHEAD, 24 * GIB), Math.floor((0.6 * 24 * GIB) / 2));
  for (const gibibytes of [2, 4, 8, 64]) {
    for (const workers of [1, 2]) {
      for (const overheadBytes of [OVERHEAD / 2, OVERHEAD]) {
        const eachBytes = defaultBudgetBytes(workers, overheadBytes, gibibytes * GIB) + overheadBytes;
        assert.ok(workers * eachBytes <= gibibytes * GIB, `${workers} workers on ${gibibytes} GiB`);
      }
    }
  }
});

test('a very small machine still has a budget', () => {
  assert.ok(defaultBudgetBytes(2, OVERHEAD, GIB) >= 100_000_000);
});
