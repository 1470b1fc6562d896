import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Digest } from '../../src/core/ids.ts';
import type { ExecutorChoice } from '../../src/model/executor-choice.ts';
import type { ModelConfig } from '../../src/model/config.ts';
import type { RoutingPage } from '../../src/stores/registry/registry.ts';
import { RevisionGapError } from '../../src/stores/registry/registry.ts';
import { recordsContract } from './registry-records.ts';
import { registryProperties } from './registry-properties.ts';
import { strikesContract } from './registry-strikes.ts';
import {
  catchUp,
  type MakeRegistry,
  positionOf,
  readTable,
  type RegistryUnderTest,
  registration,
  revisionOf,
} from './registry-support.ts';

/** What every implementation of Registry must do. */
export function registryContract(name: string, make: MakeRegistry): void {
  const limits = { versionsPerModel: 3, changeLogEntries: 50, strikes: 3, strikeMs: 60_000 };

  async function withRegistry(test: (made: RegistryUnderTest) => Promise<void>): Promise<void> {
    const made = await make(limits, Date.now);
    try {
      await test(made);
    } finally {
      await made.close();
    }
  }

  describe(`registry: ${name}`, () => {
    it('keeps what was registered, exactly, across a reopening', () =>
      withRegistry(async ({ registry, reopen }) => {
        const config: ModelConfig = {
          defaults: { id: 2n ** 63n, big: 1e20, __proto__x: 'é\n\0' },
          golden: { instances: [[1, null]], predictions: [-0], tolerance: { abs: 1e-6 } },
        };
        const first = registration({}, { config, features: ['age', 'plan'], activate: true });
        const [outcome] = await registry.register([first]);
        assert.deepEqual(outcome, { status: 'registered', revision: 2, activated: true });
        for (const reopened of [false, true]) {
          const store = reopened ? await reopen() : registry;
          const { activate: _, ...stored } = first;
          assert.deepEqual(await store.version('acme', 'churn', '1'), { ...stored, revision: 2, strikes: 0 });
          assert.deepEqual(await store.model('acme', 'churn'), {
            tenant: 'acme',
            model: 'churn',
            traffic: { stable: '1' },
            settings: { minCopies: 0 },
            versions: ['1'],
            quarantined: [],
            revision: 2,
          });
          assert.deepEqual(await store.tenant('acme'), { tenant: 'acme', settings: {}, revision: 1 });
          assert.equal(await revisionOf(store), 2);
        }
      }));

    it('keeps what runs each version, across a reopening', () =>
      withRegistry(async ({ registry, reopen }) => {
        const structureDigest: Digest = `sha256:${'5'.repeat(64)}`;
        const executors: ExecutorChoice[] = [
          { executor: 'plan', structureDigest },
          { executor: 'onnx', reason: 'it uses operator Scan' },
          { executor: 'plan', structureDigest },
        ];
        const registrations = executors.map((executor, index) =>
          registration({ version: `${index}` }, { executor, content: `${index}` }),
        );
        await registry.register(registrations);
        for (const reopened of [false, true]) {
          const store = reopened ? await reopen() : registry;
          const records = await store.versions(registrations);
          assert.deepEqual(
            records.map((record) => record?.artifact.executor),
            executors,
          );
          const lookups = await store.lookUp(registrations);
          assert.deepEqual(
            lookups.map(({ present }) => present?.executor),
            executors,
          );
        }
      }));

    it('answers undefined for what is not there', () =>
      withRegistry(async ({ registry }) => {
        assert.equal(await revisionOf(registry), 0);
        assert.equal(await registry.version('acme', 'churn', '1'), undefined);
        assert.equal(await registry.model('acme', 'churn'), undefined);
        assert.equal(await registry.tenant('acme'), undefined);
        assert.deepEqual(await registry.versions([{ tenant: 'a', model: 'b', version: 'c' }]), [undefined]);
      }));

    it('judges each registration of a call on its own terms', () =>
      withRegistry(async ({ registry }) => {
        await registry.putTenant('gone', {});
        await registry.deleteTenant('gone');
        await registry.register([registration({}, { config: { features: ['b', 'a'] } })]);
        const before = await revisionOf(registry);
        const outcomes = await registry.register([
          registration({}, { config: { features: ['b', 'a'] } }),
          registration({}, { content: 'other', config: { features: ['b', 'a'] } }),
          registration({}, { config: { features: ['a', 'b'] } }),
          registration({ tenant: 'gone' }),
          registration({ version: '2' }),
          registration({ version: '3' }),
          registration({ version: '4' }),
          registration({ version: '2' }),
        ]);
        assert.deepEqual(
          outcomes
            .map((outcome) => (outcome.status === 'rejected' ? outcome.code : outcome.status))
            .join(' '),
          'unchanged VERSION_EXISTS VERSION_EXISTS TENANT_DELETED registered registered QUOTA_EXCEEDED unchanged',
        );
        const messages = outcomes.map((outcome) => (outcome.status === 'rejected' ? outcome.message : ''));
        const digests = [registration({}), registration({}, { content: 'other' })].map(
          (r) => r.artifact.digest,
        );
        for (const digest of digests) assert.ok(messages[1]?.includes(digest));
        assert.match(messages[1] ?? '', /artifact differs/);
        assert.match(messages[2] ?? '', /config differs/);
        assert.match(messages[6] ?? '', /versionsPerModel/);
        assert.equal(await revisionOf(registry), before + 2);
      }));

    it('activate on a version that is there makes it stable, once', () =>
      withRegistry(async ({ registry }) => {
        await registry.register([registration({}, { activate: true }), registration({ version: '2' })]);
        await registry.setTraffic('acme', 'churn', { stable: '1', canary: { version: '2', percent: 5 } });
        const again = registration({ version: '2' }, { activate: true });
        const revision = (await revisionOf(registry)) + 1;
        assert.deepEqual(await registry.register([again]), [
          { status: 'unchanged', revision, activated: true },
        ]);
        assert.deepEqual((await registry.model('acme', 'churn'))?.traffic, { stable: '2' });
        const [third] = await registry.register([again]);
        assert.equal(third?.status === 'unchanged' && third.activated, true);
        assert.equal(await revisionOf(registry), revision);
      }));

    it('guards traffic by revision and by the versions that there are', () =>
      withRegistry(async ({ registry }) => {
        await registry.register([registration({}), registration({ version: '2' })]);
        const model = await registry.model('acme', 'churn');
        assert.ok(model !== undefined && model.versions.length === 2);
        const traffic = { stable: '1', shadow: { version: '2', percent: 0.5 } };
        const set = await registry.setTraffic('acme', 'churn', traffic, model.revision);
        assert.deepEqual(set, { ...model, traffic, revision: model.revision + 1 });
        await assert.rejects(registry.setTraffic('acme', 'churn', {}, model.revision), {
          code: 'REVISION_CONFLICT',
          message: new RegExp(`revision ${set.revision}\\b`),
        });
        await assert.rejects(
          registry.setTraffic('acme', 'churn', { stable: '1', canary: { version: '9', percent: 1 } }),
          { code: 'VERSION_NOT_FOUND', message: /canary.*"9"/ },
        );
        await assert.rejects(registry.setTraffic('acme', 'none', {}), { code: 'MODEL_NOT_FOUND' });
        assert.deepEqual(await registry.model('acme', 'churn'), set);
      }));

    it('deletes versions, models and tenants, but nothing in traffic', () =>
      withRegistry(async ({ registry }) => {
        await registry.register([registration({}, { activate: true }), registration({ version: '2' })]);
        const id = { tenant: 'acme', model: 'churn', version: '1' };
        await assert.rejects(registry.deleteVersion(id), { code: 'IN_USE' });
        await assert.rejects(registry.deleteVersion({ ...id, version: '7' }), { code: 'VERSION_NOT_FOUND' });
        const { revision } = await registry.deleteVersion({ ...id, version: '2' });
        assert.equal((await registry.model('acme', 'churn'))?.revision, revision);
        await registry.setTraffic('acme', 'churn', {});
        await registry.deleteVersion(id);
        assert.equal(await registry.model('acme', 'churn'), undefined);
        await assert.rejects(registry.deleteModel('acme', 'churn'), { code: 'MODEL_NOT_FOUND' });
        await registry.register([registration({}, { activate: true, content: 'new bytes, same name' })]);
        await registry.deleteModel('acme', 'churn');
        assert.equal(await registry.version('acme', 'churn', '1'), undefined);
        await registry.register([registration({})]);
        await registry.deleteTenant('acme');
        await assert.rejects(registry.deleteTenant('acme'), { code: 'TENANT_NOT_FOUND' });
        assert.equal(await registry.model('acme', 'churn'), undefined);
        assert.equal(await registry.tenant('acme'), undefined);
        const settings = { shardSize: 4, labels: { plan: 'gold' } };
        assert.deepEqual((await registry.putTenant('acme', settings)).settings, settings);
        assert.equal(await registry.model('acme', 'churn'), undefined);
        assert.equal((await registry.register([registration({})]))[0]?.status, 'registered');
        assert.deepEqual((await registry.tenant('acme'))?.settings, settings);
      }));

    it('lists in pages, in order of names', () =>
      withRegistry(async ({ registry }) => {
        const models = ['B', 'a', 'a.1', 'a_b', 'c'];
        await registry.register(models.map((model) => registration({ model }, { activate: model === 'c' })));
        await registry.putTenant('zeta', {});
        const seen: unknown[] = [];
        for (let after: string | undefined; ; ) {
          const page = await registry.models('acme', {
            pageSize: 2,
            ...(after === undefined ? {} : { after }),
          });
          assert.ok(page.items.length <= 2);
          seen.push(...page.items);
          if (page.next === undefined) break;
          after = page.next;
        }
        assert.deepEqual(
          seen,
          models.map((model) => ({ model, stable: model === 'c' ? '1' : null, versions: 1 })),
        );
        const tenants = await registry.tenants({ pageSize: 1 });
        assert.deepEqual(
          tenants.items.map((each) => each.tenant),
          ['acme'],
        );
        assert.deepEqual(
          (await registry.tenants({ pageSize: 5, after: tenants.next ?? '' })).items.map(
            (each) => each.tenant,
          ),
          ['zeta'],
        );
      }));

    it('commits many calls at once and answers each', () =>
      withRegistry(async ({ registry }) => {
        const calls = Array.from({ length: 200 }, (_, index) =>
          registry.register([registration({ model: `m${index % 100}` }, { content: `${index % 100}` })]),
        );
        const outcomes = (await Promise.all(calls)).flat();
        assert.equal(outcomes.filter((outcome) => outcome.status === 'registered').length, 100);
        assert.equal(outcomes.filter((outcome) => outcome.status === 'unchanged').length, 100);
        assert.equal(await revisionOf(registry), 101);
      }));

    it('gives equal specs as one object', () =>
      withRegistry(async ({ registry }) => {
        await registry.register([
          registration({ model: 'a' }, { content: '1' }),
          registration({ model: 'b' }, { content: '2' }),
          registration({ model: 'c' }, { features: ['x'] }),
        ]);
        const specs = async (pages: AsyncIterable<RoutingPage>) => {
          for await (const page of pages) {
            const models = page.entries.filter((entry) => entry.kind === 'model');
            if (models.length === 3) return models.map((entry) => entry.state?.versions[0]?.spec);
          }
          return assert.fail('no page has the models');
        };
        const first = await specs(registry.snapshot());
        const second = await specs(
          registry.follow({ ...(await positionOf(registry)), revision: 0 }, AbortSignal.timeout(10_000)),
        );
        assert.equal(first[0], first[1]);
        assert.notEqual(first[0], first[2]);
        assert.equal(second[0], first[0]);
      }));

    it('follow waits for changes, gives each, and ends when told', () =>
      withRegistry(async ({ registry }) => {
        const stop = new AbortController();
        const table = await readTable(registry);
        const changes = registry.follow(table.position, stop.signal)[Symbol.asyncIterator]();
        const next = changes.next();
        await registry.register([registration({}, { activate: true })]);
        table.apply((await next).value);
        await catchUp(registry, table);
        assert.deepEqual(table.state(), (await readTable(registry)).state());
        const waiting = registry.follow(table.position, stop.signal)[Symbol.asyncIterator]().next();
        stop.abort();
        assert.equal((await waiting).done, true);
      }));

    it('follow says when the log does not reach back, or the position is not of this registry', () =>
      withRegistry(async ({ registry }) => {
        const early = await readTable(registry);
        for (let index = 0; index < 80; index++) {
          await registry.putTenant('acme', { labels: { n: `${index}` } });
        }
        const { history } = await positionOf(registry);
        const read = async (revision: number, of = history) => {
          const pages = registry.follow({ history: of, revision }, new AbortController().signal);
          for await (const page of pages) return page.position.revision;
          return assert.fail('ended');
        };
        await assert.rejects(read(early.revision), RevisionGapError);
        await assert.rejects(read(29), RevisionGapError);
        assert.equal(await read(30), 80);
        await assert.rejects(read(81), RevisionGapError);
        await assert.rejects(read(30, 'another'), RevisionGapError);
      }));

    strikesContract(make);
    recordsContract(make);
    registryProperties(name, make);
  });
}
