import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type Digest, MODEL_PATTERN, TENANT_PATTERN, VERSION_PATTERN } from '../../../src/core/ids.ts';
import { modelKey, parseModelKey } from '../../../src/wire/model-key.ts';

const hex = fc.stringMatching(/^[0-9a-f]{64}$/);
const parts = fc.record(
  {
    tenant: fc.stringMatching(new RegExp(TENANT_PATTERN)),
    model: fc.stringMatching(new RegExp(MODEL_PATTERN)),
    version: fc.stringMatching(new RegExp(VERSION_PATTERN)),
    digest: hex.map((digits): Digest => `sha256:${digits}`),
  },
  { noNullPrototype: true },
);

test('every key comes apart into what it was made of', () => {
  fc.assert(fc.property(parts, (made) => assert.deepEqual(parseModelKey(modelKey(made)), made)));
});

test('other text is no key', () => {
  fc.assert(
    fc.property(fc.string(), (text) => {
      assert.equal(parseModelKey(text), undefined);
    }),
  );
  const digest = `sha256:${'0'.repeat(64)}`;
  for (const key of [
    `a/b@${digest}`,
    `a/b/c/d@${digest}`,
    `a//c@${digest}`,
    `a/b/c@${digest}0`,
    `a/b/c${digest}`,
    digest,
    '@',
    '',
  ])
    assert.equal(parseModelKey(key), undefined);
});
