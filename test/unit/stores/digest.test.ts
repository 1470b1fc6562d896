import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { digestOf } from '../../../src/stores/artifacts/digest.ts';

test('the digest is that of all bytes, whatever their number', async () => {
  for (const length of [0, 1, 512 * 1024, 512 * 1024 + 1, 2 * 1024 * 1024]) {
    const bytes = Buffer.alloc(length, 7);
    const expected = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    assert.equal(await digestOf(bytes), expected, `${length} bytes`);
  }
});

test('other work goes on while much is hashed', async () => {
  const order: string[] = [];
  const hashing = digestOf(Buffer.alloc(4 * 1024 * 1024)).then(() => order.push('hashed'));
  setImmediate(() => order.push('other'));
  await hashing;
  assert.deepEqual(order, ['other', 'hashed']);
});
