import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.ts';
import { MODEL_PATTERN, TENANT_PATTERN } from '../../../../src/core/ids.ts';
import type { RegistryRecord } from '../../../../src/stores/registry/records.ts';
import { type Head, headOf, keyOf } from '../../../../src/stores/records/record-keys.ts';
import { readRecord, recordText } from '../../../../src/stores/records/record-text.ts';
import { RecordObjects } from '../../../../src/stores/records/records.ts';
import { MemoryObjects } from '../../../support/memory-objects.ts';

const heads = fc.record(
  {
    tenant: fc.stringMatching(new RegExp(TENANT_PATTERN)),
    model: fc.stringMatching(new RegExp(MODEL_PATTERN)),
    revision: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    gone: fc.boolean(),
  },
  { requiredKeys: ['tenant', 'revision', 'gone'], noNullPrototype: true },
);

test('a key tells its head, and keys of one name are in the order of their revisions', () => {
  fc.assert(
    fc.property(heads, fc.nat({ max: Number.MAX_SAFE_INTEGER }), (head, other) => {
      assert.deepEqual(headOf(keyOf(head)), head);
      const another = keyOf({ ...head, revision: other });
      assert.equal(keyOf(head) < another, head.revision < other);
    }),
  );
});

test('what has no key of ours is no record', () => {
  for (const key of [
    'records/clean',
    'records/0/acme',
    'records/0/acme/m/12',
    'records/0/a/m/0000000000000001/x',
  ])
    assert.equal(headOf(key), undefined);
});

test('a record reads back exactly, and a changed one is told from it', () => {
  const record: RegistryRecord = {
    kind: 'tenant',
    tenant: 'acme',
    revision: 7,
    settings: { labels: { plan: 'gold' }, weight: 0.1 },
  };
  const text = recordText(record);
  assert.deepEqual(readRecord(text), { record });
  assert.deepEqual(readRecord(text.replace('gold', 'iron')), { corrupt: 'does not have its checksum' });
  assert.deepEqual(readRecord(text.slice(0, -1)), { corrupt: 'is no JSON' });
  assert.deepEqual(readRecord('null'), { corrupt: 'is no record' });
  assert.match(JSON.stringify(readRecord(text.replace('"format":1', '"format":2'))), /has format 2/);
});

const tenant = (name: string, revision: number, deleted = false): RegistryRecord => ({
  kind: 'tenant',
  tenant: name,
  revision,
  ...(deleted ? {} : { settings: {} }),
});
const model = (name: string, revision: number, deleted = false): RegistryRecord => ({
  kind: 'model',
  tenant: 'acme',
  model: name,
  revision,
  ...(deleted ? {} : { state: { traffic: {}, settings: { minCopies: 0 }, versions: [] } }),
});

async function storeOf(...records: RegistryRecord[]) {
  const objects = new MemoryObjects();
  const store = new RecordObjects(objects, DEFAULT_LIMITS);
  for (const record of records) await store.put(record);
  return { objects, store };
}

async function newest(store: RecordObjects): Promise<Record<string, number>> {
  const found: [string, number][] = [];
  for (const head of (await store.heads()).all())
    found.push([`${head.tenant}${head.model ?? ''}`, head.gone ? -head.revision : head.revision]);
  return Object.fromEntries(found);
}

test('of each name the newest revision is told; what is older goes with tidy, once', async () => {
  const { objects, store } = await storeOf(
    tenant('acme', 1),
    tenant('acme-x', 3),
    model('a', 2),
    model('a', 5),
    model('a', 4),
    model('b', 6),
    model('b', 7, true),
  );
  const expected = { acme: 1, acmea: 5, acmeb: -7, 'acme-x': 3 };
  assert.deepEqual(await newest(store), expected);
  assert.equal(await store.tidy(AbortSignal.abort()), 0);
  assert.equal(await store.tidy(new AbortController().signal), 3);
  assert.deepEqual(await newest(store), expected);
  assert.equal(objects.held.size, 4);
  assert.equal(await store.tidy(new AbortController().signal), 0);
});

test('models go with their tenant, and stay gone when it is there again, tidied or not', async () => {
  const { store } = await storeOf(
    tenant('acme', 1),
    model('a', 2),
    model('b', 3),
    tenant('acme', 5, true),
    tenant('acme', 8),
    model('b', 9),
  );
  for (let turn = 0; turn < 2; turn++) {
    assert.deepEqual(await newest(store), { acme: 8, acmeb: 9 });
    assert.equal((await store.heads()).goneAt('acme'), 5);
    await store.tidy(new AbortController().signal);
  }
});

test('a record under another key than its own is not taken', async () => {
  const { objects, store } = await storeOf(tenant('acme', 1));
  const head: Head = { tenant: 'bolt', revision: 1, gone: false };
  const [bytes] = objects.held.values();
  assert.ok(bytes !== undefined);
  objects.held.set(keyOf(head), bytes);
  assert.deepEqual(await store.get(head), { corrupt: 'is the record of another name or revision' });
});

test('a clean mark counts for the position it names, and once', async () => {
  const { store } = await storeOf();
  const position = { history: 'h', revision: 3 };
  assert.equal(await store.takeClean(position), false);
  await store.leaveClean(position);
  assert.equal(await store.takeClean({ history: 'h', revision: 4 }), false);
  assert.equal(await store.takeClean(position), false, 'it is gone after the first look');
  await store.leaveClean(position);
  assert.equal(await store.takeClean(position), true);
  assert.equal(await store.takeClean(position), false);
});
