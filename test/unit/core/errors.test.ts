import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { test } from 'node:test';
import { ShoalError } from '../../../src/core/errors.ts';

test('an error for a caller is an Error that walked no stack; a bug has one', () => {
  const refusal = new ShoalError('OVERLOADED', 'too much', { retryAfterSeconds: 3 });
  assert.ok(refusal instanceof Error && refusal instanceof ShoalError);
  assert.equal(refusal.stack, undefined);
  assert.equal(String(refusal), 'ShoalError: too much');
  assert.match(inspect(refusal), /ShoalError: too much/);
  assert.deepEqual([refusal.status, refusal.retryable, refusal.retryAfterSeconds], [503, true, 3]);
  assert.match(new ShoalError('INTERNAL', 'a bug').stack ?? '', /errors\.test\.ts/);
});

test('a cause keeps its stack', () => {
  const cause = new Error('the disk is full');
  const { cause: kept } = new ShoalError('STORE_UNAVAILABLE', 'not stored', { cause });
  assert.equal(kept, cause);
  assert.match(cause.stack ?? '', /errors\.test\.ts/);
  assert.equal('cause' in new ShoalError('OVERLOADED', 'too much'), false);
});
