import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KnownPlans } from '../../../../src/worker/lane/known-plans.ts';

const plan = (chunk: number, structure: number) => ({
  chunk: { number: chunk, buffer: new SharedArrayBuffer(8) },
  base: 64,
  structure: { id: structure, text: new Uint8Array(1) },
});

test('a thread is told of each chunk and each structure once, and to forget what it has not used for long', () => {
  const known = new KnownPlans();
  known.refer(plan(1, 1), 'a', false);
  known.refer(plan(1, 2), 'b', false);
  const first = known.takeNews();
  assert.deepEqual(
    [first.chunks.map(([number]) => number), first.structures.map(([id]) => id), first.forgotten],
    [[1], [1, 2], []],
  );
  known.refer(plan(1, 1), 'a', true);
  assert.deepEqual(known.takeNews(), { chunks: [], structures: [], forgotten: [] });
  for (let id = 3; id <= 258; id++) known.refer(plan(2, id), 'c', false);
  const later = known.takeNews();
  assert.deepEqual([later.chunks.length, later.structures.length, later.forgotten], [1, 256, [2, 1]]);
  assert.equal(known.refer(plan(2, 2), 'b', false).structure, 2);
  assert.deepEqual(
    known.takeNews().structures.map(([id]) => id),
    [2],
  );
});
