import assert from 'node:assert/strict';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { ShoalError } from '../../../src/core/errors.ts';
import type { RegistryRecord } from '../../../src/stores/registry/records.ts';
import type { Registry } from '../../../src/stores/registry/registry.ts';
import { registration } from '../../contract/registry-support.ts';
import { Kept, LosableRegistry, recordsOf } from '../../support/kept.ts';
import { MemoryObjects } from '../../support/memory-objects.ts';
import { freshObjects } from '../../support/s3-objects.ts';
import { S3Server } from '../../support/s3-server.ts';
import { until } from '../../support/until.ts';

const UNAVAILABLE = { code: 'STORE_UNAVAILABLE' };
const CHURN = { tenant: 'acme', model: 'churn', version: '1' };

let lost: LosableRegistry;
let raw: Registry;
let objects: MemoryObjects;
let server: S3Server;
const open: Kept[] = [];

before(async () => {
  server = await S3Server.start();
});
after(() => server.close());

beforeEach(async () => {
  lost = new LosableRegistry();
  raw = await lost.empty();
  objects = new MemoryObjects();
});

afterEach(async () => {
  objects.before = () => undefined;
  for (const kept of open.splice(0)) await kept.keeper.close();
  await lost.close();
});

function keep(registry = raw, store: ConstructorParameters<typeof Kept>[1] = objects): Kept {
  const kept = new Kept(registry, store);
  open.push(kept);
  return kept;
}

/** Some of every change that there is. */
async function changeAll(registry: Registry): Promise<void> {
  await registry.putTenant('acme', { weight: 2 });
  const config = { defaults: { id: 2n ** 63n } };
  const gone = registration({ tenant: 'gone' });
  await registry.register([
    registration(CHURN, { activate: true }),
    registration({ version: '2' }, { content: 'two', config }),
    registration({ model: 'ltv' }),
    registration({ model: 'off' }),
    gone,
  ]);
  await registry.setTraffic('acme', 'churn', { stable: '1', canary: { version: '2', percent: 5 } });
  await registry.putModelSettings('acme', 'ltv', { minCopies: 2 });
  const { preparedDigest } = registration({}, { content: 'two' }).artifact;
  for (const crash of ['a', 'b', 'c'])
    await registry.strike({ ...CHURN, version: '2' }, preparedDigest, 'crashed', crash);
  await registry.deleteModel('acme', 'off');
  await registry.deleteTenant('gone');
  await registry.putTenant('gone', { shardSize: 1 });
}

for (const [where, store] of [
  ['in memory', () => objects],
  ['in S3', () => freshObjects(server).objects],
] as const) {
  test(`what was acknowledged comes back into an empty registry from objects ${where}`, async () => {
    const there = store();
    const kept = await keep(raw, there).lead(1);
    await changeAll(kept.registry);
    const expected = await recordsOf(raw);
    const anew = await lost.empty();
    const other = await keep(anew, there).lead(2);
    assert.deepEqual(await recordsOf(anew), expected);
    assert.ok(
      (await other.metric('shoal_registry_heals_total{')).includes(
        'shoal_registry_heals_total{why="went_back"} 1',
      ),
    );
    const before = (await raw.position())?.revision ?? 0;
    assert.ok(((await anew.position())?.revision ?? 0) > before + 1_000, 'far above what was lost');
    assert.equal(
      (await other.registry.register([registration({ tenant: 'gone' })]))[0]?.status,
      'registered',
    );
  });
}

test('without the lead, and before the comparison has ended, nothing is changed', async () => {
  const kept = keep();
  await assert.rejects(kept.registry.putTenant('acme', {}), /does not lead; nothing was changed/);
  const held = Promise.withResolvers<void>();
  objects.before = (call) => (call === 'list' ? held.promise : undefined);
  kept.candidate.lead(1);
  await until('it is listed', () => objects.calls.some((call) => call.startsWith('list')));
  await assert.rejects(kept.registry.register([registration(CHURN)]), /compared with the object store first/);
  assert.deepEqual(await recordsOf(raw), []);
  held.resolve();
  await kept.ready();
  await kept.registry.putTenant('acme', {});
  kept.candidate.lead(undefined);
  await assert.rejects(kept.registry.putTenant('acme', {}), UNAVAILABLE);
});

test('a change is acknowledged when its record is written, not before', async () => {
  const { registry } = await keep().lead(1);
  const held = Promise.withResolvers<void>();
  objects.before = (call) => (call === 'put' ? held.promise : undefined);
  let isAnswered = false;
  const answer = registry.register([registration(CHURN)]).finally(() => {
    isAnswered = true;
  });
  await until(
    'records are being written',
    () => objects.calls.filter((call) => call.startsWith('put')).length === 2,
  );
  assert.ok((await raw.version('acme', 'churn', '1')) !== undefined, 'it is committed');
  assert.equal(isAnswered, false);
  const again = registry.lookUp([CHURN]);
  held.resolve();
  assert.equal((await answer)[0]?.status, 'registered');
  assert.ok((await again)[0]?.present !== undefined, 'who asks meanwhile waits too');
});

test('changes of one model that come while its record is written share the next one', async () => {
  const { registry } = await keep().lead(1);
  await registry.register([registration(CHURN)]);
  const held = Promise.withResolvers<void>();
  objects.before = (call) => (call === 'put' ? held.promise : undefined);
  const puts = (): number => objects.calls.filter((call) => call.startsWith('put')).length;
  const before = puts();
  const first = registry.putModelSettings('acme', 'churn', { minCopies: 1 });
  await until('it is being written', () => puts() === before + 1);
  const more = [2, 3, 4, 5].map((minCopies) => registry.putModelSettings('acme', 'churn', { minCopies }));
  await until('all are committed', async () => (await raw.position())?.revision === 7);
  held.resolve();
  await Promise.all([first, ...more]);
  assert.equal(puts(), before + 2);
});

test('what can not be recorded is refused as may be made, then owed, and no more is changed until it is paid', async () => {
  const kept = await keep().lead(1);
  objects.fail((call) => call === 'put');
  await assert.rejects(kept.registry.register([registration(CHURN)]), /may have been made.*make it again/);
  await until('it is known', () => /can't be written/.test(kept.keeper.refusal() ?? ''));
  assert.deepEqual(await kept.metric('shoal_records_owed '), ['shoal_records_owed 2']);
  await assert.rejects(kept.registry.lookUp([CHURN]), UNAVAILABLE, 'that it is there is no acknowledgement');
  await assert.rejects(kept.registry.putTenant('bolt', {}), /nothing was changed/);
  assert.equal(await raw.tenant('bolt'), undefined);
  assert.ok((await kept.registry.version('acme', 'churn', '1')) !== undefined, 'reads go on');
  objects.before = () => undefined;
  await kept.ready();
  await until(
    'all is paid',
    async () => (await kept.metric('shoal_records_owed '))[0] === 'shoal_records_owed 0',
  );
  assert.deepEqual((await kept.registry.register([registration(CHURN)]))[0]?.status, 'unchanged');
  const anew = await lost.empty();
  await keep(anew).lead(2);
  assert.deepEqual(await recordsOf(anew), await recordsOf(raw));
});

test('what a leader that died owed is made good by the next', async () => {
  const first = await keep().lead(1);
  await first.registry.register([registration(CHURN)]);
  objects.fail((call) => call === 'put');
  await assert.rejects(first.registry.putModelSettings('acme', 'churn', { minCopies: 3 }), UNAVAILABLE);
  first.candidate.lead(undefined);
  await until(
    'it has forgotten',
    async () => (await first.metric('shoal_records_owed '))[0] === 'shoal_records_owed 0',
  );
  objects.before = () => undefined;
  const second = await keep().lead(2);
  assert.ok(
    (await second.metric('shoal_registry_heals_total{')).includes('shoal_registry_heals_total{why="lead"} 1'),
  );
  const anew = await lost.empty();
  await keep(anew).lead(3);
  assert.deepEqual(await anew.record('acme', 'churn'), await raw.record('acme', 'churn'));
});

test('a leader that lost the lead while a record was written acknowledges nothing', async () => {
  const kept = await keep().lead(1);
  const held = Promise.withResolvers<void>();
  objects.before = (call) => (call === 'put' ? held.promise : undefined);
  const answer = assert.rejects(kept.registry.putTenant('acme', {}), /lost with the lead/);
  await until('it is being written', () => objects.calls.some((call) => call.startsWith('put')));
  kept.candidate.lead(2);
  held.resolve();
  await answer;
  await kept.ready();
});

test('a registry that went back gets back what it lost, and no revision is used again', async () => {
  const kept = await keep().lead(1);
  await kept.registry.register([registration(CHURN), registration({ model: 'off' })]);
  const dump: RegistryRecord[] = await recordsOf(raw);
  await kept.registry.deleteModel('acme', 'off');
  await kept.registry.putModelSettings('acme', 'churn', { minCopies: 3 });
  await kept.registry.register([registration({ tenant: 'bolt' })]);
  await kept.registry.deleteTenant('bolt');
  await kept.registry.putTenant('bolt', {});
  const expected = await recordsOf(raw);
  const older = await lost.empty();
  async function* pages() {
    yield dump;
  }
  await older.restore(pages());
  const other = await keep(older).lead(2);
  assert.deepEqual(await recordsOf(older), expected);
  const { revision } = await other.registry.deleteModel('acme', 'churn');
  assert.ok(revision > ((await raw.position())?.revision ?? 0));
});

test('a record that is damaged is named and left out, and the rest comes back', async () => {
  const kept = await keep().lead(1);
  await kept.registry.register([registration(CHURN), registration({ model: 'ltv' })]);
  const [key] = [...objects.held.keys()].filter((each) => each.includes('/ltv/'));
  assert.ok(key !== undefined);
  const text = objects.held.get(key)?.toString() ?? '';
  objects.held.set(key, Buffer.from(text.replace('"minCopies":0', '"minCopies":9')));
  const anew = await lost.empty();
  await keep(anew).lead(2);
  assert.ok((await anew.record('acme', 'churn')) !== undefined);
  assert.equal(await anew.record('acme', 'ltv'), undefined);
  const position = await anew.position();
  await keep(anew).lead(3);
  assert.deepEqual(await anew.position(), position, 'no other history begins for it');
});

test('after an orderly end the next leader begins at once; after any other it compares', async () => {
  const listings = (): number => objects.calls.filter((call) => call.startsWith('list')).length;
  const first = await keep().lead(1);
  await first.registry.putTenant('acme', {});
  await first.keeper.close();
  assert.ok(objects.held.has('records/clean'));
  const before = listings();
  const second = keep();
  // Tidying lists too, and begins after the lead is taken.
  objects.before = (call) => {
    if (call === 'list') throw new Error('no comparison is needed');
  };
  await second.lead(2);
  assert.ok(!objects.held.has('records/clean'));
  objects.before = () => undefined;
  await second.registry.putTenant('acme', {});
  second.candidate.lead(undefined);
  await second.keeper.close();
  assert.ok(!objects.held.has('records/clean'), 'only who leads says so');
  await keep().lead(3);
  assert.ok(listings() > before + 16);
});

test('a store that is away holds up the takeover, which goes on when it is back', async () => {
  objects.fail(() => true);
  const kept = keep();
  kept.candidate.lead(1);
  await until('it was asked again', () => objects.calls.length > 2);
  assert.match(kept.keeper.refusal() ?? '', /compared/);
  objects.before = () => undefined;
  await kept.ready();
});

test('who can not reach the object store for a lease says why, and steps aside for another', async () => {
  const kept = keep();
  objects.before = () => {
    throw new ShoalError('STORE_UNAVAILABLE', 'the object store: the secret key is wrong');
  };
  kept.candidate.lead(1);
  await until('it has tried', () => /first \(.*the secret key is wrong\)$/.test(kept.keeper.refusal() ?? ''));
  await until('it has stepped aside', () => kept.candidate.stepsAside === 1);
  assert.equal(kept.keeper.refusal(), 'this manager does not lead');
  objects.before = () => undefined;
  await kept.lead(2);
  await kept.registry.putTenant('acme', {});
  assert.equal(kept.candidate.stepsAside, 1);
});
