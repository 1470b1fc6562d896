import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { excessBytes, isTrimDue, type MemoryBounds, overCause } from '../../../src/core/worker-memory.ts';

const MIB = 1024 * 1024;
const BOUNDS: MemoryBounds = {
  budgetBytes: 1_000 * MIB,
  overheadBytes: 500 * MIB,
  overrunBytes: 2_000 * MIB,
  reserveBytes: 250 * MIB,
};

test('only what lasts and goes beyond the overhead is excess', () => {
  assert.equal(excessBytes([], BOUNDS), 0);
  assert.equal(excessBytes([400 * MIB, 499 * MIB], BOUNDS), 0);
  assert.equal(excessBytes([900 * MIB, 520 * MIB, 900 * MIB], BOUNDS), 20 * MIB);
});

test('excess never takes more than a quarter of the budget, and grows with the samples', () => {
  const samples = fc.array(fc.integer({ min: 0, max: 100_000 * MIB }), { minLength: 1, maxLength: 8 });
  fc.assert(
    fc.property(samples, fc.nat(1_000 * MIB), (some, moreBytes) => {
      const bytes = excessBytes(some, BOUNDS);
      assert.ok(bytes >= 0 && bytes <= BOUNDS.budgetBytes / 4);
      const grown = some.map((sample) => sample + moreBytes);
      assert.ok(excessBytes(grown, BOUNDS) >= bytes);
    }),
  );
});

test('free pages are given back when more than 32 MiB and a 32nd of the process lie above the floor', () => {
  assert.equal(isTrimDue(200 * MIB, 150 * MIB, 1_000 * MIB), false);
  assert.equal(isTrimDue(220 * MIB, 150 * MIB, 1_000 * MIB), true);
  assert.equal(isTrimDue(220 * MIB, 200 * MIB, 1_000 * MIB), false);
  assert.equal(isTrimDue(220 * MIB, 150 * MIB, 8_000 * MIB), false);
});

test('a process beyond its promise ends when it is so by far, or when the machine has nothing left', () => {
  const promisedBytes = BOUNDS.budgetBytes + BOUNDS.overheadBytes;
  const table = [
    // Whoever keeps the promise is innocent.
    { beyondBytes: 0, availableBytes: 0, cause: undefined },
    { beyondBytes: 1, availableBytes: 250 * MIB, cause: undefined },
    { beyondBytes: 1, availableBytes: 249 * MIB, cause: 'machine-memory' },
    { beyondBytes: 249 * MIB, availableBytes: 0, cause: 'machine-memory' },
    { beyondBytes: 250 * MIB, availableBytes: 0, cause: 'memory' },
    { beyondBytes: 2_000 * MIB, availableBytes: 9_000 * MIB, cause: undefined },
    { beyondBytes: 2_001 * MIB, availableBytes: 9_000 * MIB, cause: 'memory' },
  ];
  for (const { beyondBytes, availableBytes, cause } of table)
    assert.equal(overCause(promisedBytes + beyondBytes, availableBytes, BOUNDS), cause, `${beyondBytes}`);
});
