import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { RegistryRecord } from '../../src/stores/registry/records.ts';
import { RevisionGapError } from '../../src/stores/registry/registry.ts';
import type { Registry } from '../../src/stores/registry/registry.ts';
import {
  catchUp,
  type MakeRegistry,
  positionOf,
  readTable,
  type RegistryUnderTest,
  registration,
} from './registry-support.ts';

const LIMITS = { versionsPerModel: 3, changeLogEntries: 50, strikes: 1, strikeMs: 60_000 };
const ID = { tenant: 'acme', model: 'churn', version: '1' };

async function* pages(...records: RegistryRecord[]): AsyncGenerator<RegistryRecord[]> {
  yield records.slice(0, 2);
  yield records.slice(2);
}

async function recordsOf(registry: Registry): Promise<RegistryRecord[]> {
  const records: RegistryRecord[] = [];
  for await (const page of registry.records()) records.push(...page);
  return records;
}

export function recordsContract(make: MakeRegistry): void {
  async function withTwo(test: (one: RegistryUnderTest, other: RegistryUnderTest) => Promise<void>) {
    const one = await make(LIMITS, Date.now);
    try {
      const other = await make(LIMITS, Date.now);
      try {
        await test(one, other);
      } finally {
        await other.close();
      }
    } finally {
      await one.close();
    }
  }

  /** Some of everything that a registry knows. */
  async function fill(registry: Registry): Promise<void> {
    await registry.putTenant('acme', { shardSize: 3, labels: { plan: 'gold' } });
    const config = { defaults: { id: 2n ** 63n } };
    await registry.register([
      registration(ID, { activate: true, features: ['age', 'plan'] }),
      registration({ version: '2' }, { config, content: 'other' }),
      registration({ model: 'ltv' }),
      registration({ tenant: 'bolt' }),
      registration({ tenant: 'gone' }),
    ]);
    const traffic = { stable: '1', canary: { version: '2', percent: 0.5 } };
    await registry.setTraffic('acme', 'churn', traffic);
    await registry.putModelSettings('acme', 'ltv', { minCopies: 2 });
    const { preparedDigest } = registration({}, { content: 'other' }).artifact;
    await registry.strike({ ...ID, version: '2' }, preparedDigest, 'crashed', 'c');
    await registry.deleteTenant('gone');
  }

  it('what records tell, restore brings into another registry, as it was', () =>
    withTwo(async (one, other) => {
      await fill(one.registry);
      const records = await recordsOf(one.registry);
      assert.deepEqual(
        records.map((record) => [
          record.tenant,
          ...(record.kind === 'model' ? [record.model, record.state?.versions.length] : [record.settings]),
        ]),
        [
          ['acme', { shardSize: 3, labels: { plan: 'gold' } }],
          ['bolt', {}],
          ['gone', undefined],
          ['acme', 'churn', 2],
          ['acme', 'ltv', 1],
          ['bolt', 'churn', 1],
        ],
      );
      for (const record of records) {
        const name = record.kind === 'model' ? record.model : undefined;
        assert.deepEqual(await one.registry.record(record.tenant, name), record);
      }
      assert.equal(await one.registry.record('gone', 'churn'), undefined);
      assert.equal(await one.registry.record('nobody'), undefined);
      const position = await other.registry.restore(pages(...records));
      assert.ok(position.revision > (await positionOf(one.registry)).revision, 'above all before');
      for (const reopened of [false, true]) {
        const store = reopened ? await other.reopen() : other.registry;
        assert.deepEqual(await positionOf(store), position);
        assert.deepEqual(await recordsOf(store), records);
        assert.deepEqual((await readTable(store)).state(), (await readTable(one.registry)).state());
        assert.deepEqual(await store.model('acme', 'churn'), await one.registry.model('acme', 'churn'));
        assert.deepEqual(await store.version('acme', 'churn', '2'), {
          ...(await one.registry.version('acme', 'churn', '2')),
          strikes: 0,
        });
        const [refused] = await store.register([registration({ tenant: 'gone' })]);
        assert.equal(refused?.status === 'rejected' && refused.code, 'TENANT_DELETED');
      }
    }));

  it('restore puts a record in the place of what has its name, and leaves the rest', () =>
    withTwo(async ({ registry }) => {
      await fill(registry);
      const before = await positionOf(registry);
      const [acme] = await recordsOf(registry);
      const churn = await registry.record('acme', 'churn');
      assert.ok(churn?.kind === 'model' && acme?.kind === 'tenant');
      await registry.deleteModel('acme', 'churn');
      const restored = await registry.restore(
        pages(
          churn,
          { kind: 'model', tenant: 'acme', model: 'ltv', revision: 500 },
          { kind: 'tenant', tenant: 'bolt', revision: 400 },
          { ...acme, revision: 2, settings: { shardSize: 1 } },
        ),
      );
      assert.notEqual(restored.history, before.history);
      assert.ok(restored.revision > 500);
      assert.deepEqual(await registry.record('acme', 'churn'), churn);
      assert.equal(await registry.record('acme', 'ltv'), undefined);
      assert.deepEqual(await registry.record('bolt'), { kind: 'tenant', tenant: 'bolt', revision: 400 });
      assert.equal(await registry.record('bolt', 'churn'), undefined, 'it goes with its tenant');
      assert.deepEqual(await registry.tenant('acme'), {
        tenant: 'acme',
        settings: { shardSize: 1 },
        revision: 2,
      });
      assert.equal((await registry.record('gone'))?.kind, 'tenant', 'the rest stays');
      const [outcome] = await registry.register([registration({ model: 'new' })]);
      assert.ok(outcome?.status === 'registered' && outcome.revision === restored.revision + 1);
    }));

  it('a model of a tenant that was deleted later does not come back', () =>
    withTwo(async ({ registry }, other) => {
      await fill(registry);
      const churn = await registry.record('bolt', 'churn');
      assert.ok(churn?.kind === 'model');
      const gone: RegistryRecord = { kind: 'tenant', tenant: 'bolt', revision: churn.revision + 1 };
      for (const order of [
        [gone, churn],
        [churn, gone],
      ]) {
        await other.registry.restore(pages(...order));
        assert.equal(await other.registry.record('bolt', 'churn'), undefined);
        assert.equal(await other.registry.tenant('bolt'), undefined);
      }
    }));

  it('has no history while it is restored: it tells and changes nothing, and who follows needs a new snapshot', () =>
    withTwo(async ({ registry, reopen }) => {
      await fill(registry);
      const table = await readTable(registry);
      const signal = AbortSignal.timeout(10_000);
      const follower = registry.follow(table.position, signal)[Symbol.asyncIterator]().next();
      const gap = assert.rejects(follower, RevisionGapError);
      const record = await registry.record('acme', 'churn');
      assert.ok(record !== undefined);
      const unavailable = { code: 'STORE_UNAVAILABLE' };
      async function* breaking(): AsyncGenerator<RegistryRecord[]> {
        assert.equal(await registry.position(), undefined);
        yield [record as RegistryRecord];
        assert.equal(await registry.position(), undefined);
        await assert.rejects(registry.register([registration({ version: '3' })]), unavailable);
        await assert.rejects(registry.model('acme', 'churn'), unavailable);
        await assert.rejects(registry.tenants({ pageSize: 1 }), unavailable);
        await assert.rejects(readTable(registry), unavailable);
        await assert.rejects(registry.digests()[Symbol.asyncIterator]().next(), unavailable);
        const next = registry.follow(table.position, signal)[Symbol.asyncIterator]().next();
        await assert.rejects(next, RevisionGapError);
        throw new Error('the source broke');
      }
      await assert.rejects(registry.restore(breaking()), /the source broke/);
      await gap;
      const store = await reopen();
      assert.equal(await store.position(), undefined, 'it is half restored');
      assert.deepEqual(await store.record('acme', 'churn'), record);
      const position = await store.restore(pages());
      assert.ok(position.revision > table.revision);
      const anew = await readTable(store);
      assert.deepEqual(anew.state(), table.state());
      await store.putTenant('acme', {});
      await catchUp(store, anew);
      assert.deepEqual(anew.state(), (await readTable(store)).state());
    }));
}
