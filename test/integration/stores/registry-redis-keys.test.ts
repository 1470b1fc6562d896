import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { catchUp, readTable, registration } from '../../contract/registry-support.ts';
import { RedisRegistries } from '../../support/redis-registry.ts';

const made = new RedisRegistries();

afterEach(() => made.close());

describe('what the registry has in Redis', { timeout: 60_000 }, () => {
  it('a tenant with many models is deleted piece by piece, and every follower drops each', async () => {
    const server = await made.start();
    const { registry } = await made.leader(server.url);
    const names = Array.from({ length: 450 }, (_, index) => `m${index}`);
    await registry.register(names.map((model) => registration({ model })));
    const table = await readTable(registry);
    assert.equal(Object.keys(table.state()).length, 451);
    await registry.deleteTenant('acme');
    await catchUp(registry, table);
    assert.deepEqual(table.state(), {});
    assert.deepEqual((await readTable(registry)).state(), {});
  });

  it('restored as deleted, a tenant loses all its older models, however many, and no newer one', async () => {
    const server = await made.start();
    const { registry } = await made.leader(server.url);
    const names = Array.from({ length: 1_100 }, (_, index) => `m${index}`);
    await registry.register(names.map((model) => registration({ model })));
    const { revision } = await registry.putTenant('acme', {});
    await registry.register([registration({ model: 'newer' })]);
    async function* pages() {
      yield [{ kind: 'tenant', tenant: 'acme', revision } as const];
    }
    await registry.restore(pages());
    const { items } = await registry.models('acme', { pageSize: 10 });
    assert.deepEqual(
      items.map(({ model }) => model),
      ['newer'],
    );
  });

  it('a snapshot has every model once, whatever the number of tenants and of versions', async () => {
    const server = await made.start();
    const { registry } = await made.leader(server.url);
    for (let tenant = 0; tenant < 600; tenant += 100) {
      const some = Array.from({ length: 100 }, (_, index) => `t${tenant + index}`);
      await registry.register(some.map((each) => registration({ tenant: each })));
    }
    await registry.register(Array.from({ length: 300 }, (_, index) => registration({ model: `m${index}` })));
    for (let version = 0; version < 90; version++)
      await registry.register([registration({ model: 'm7', version: `v${version}` })]);
    for (let tenant = 0; tenant < 600; tenant += 2) await registry.deleteModel(`t${tenant}`, 'churn');
    const names: string[] = [];
    let tenants = 0;
    for await (const { entries } of registry.snapshot()) {
      for (const entry of entries) {
        if (entry.kind === 'model') names.push(`${entry.tenant}/${entry.model}`);
        else tenants++;
      }
    }
    assert.equal(tenants, 601);
    assert.equal(names.length, 600);
    assert.equal(new Set(names).size, 600);
    assert.equal((await registry.model('acme', 'm7'))?.versions.length, 91);
  });

  it('a spec that no version has is kept for who has just read its id, and then goes', async () => {
    const server = await made.start();
    const clock = { nowMs: Date.UTC(2026, 0, 1) };
    const { registry, redis } = await made.leader(server.url, { nowMs: () => clock.nowMs });
    const values = () => redis.call('HLEN', (client) => client.hlen(redis.key('values')));
    await registry.register([registration({}, { features: ['rare'] }), registration({ model: 'other' })]);
    assert.equal(await values(), 4, 'two specs, a config, an executor');
    await registry.deleteModel('acme', 'churn');
    await registry.register([registration({ model: 'third' })]);
    assert.equal(await values(), 4);
    clock.nowMs += 3_600_000;
    await registry.register([registration({ model: 'fourth' })]);
    assert.equal(await values(), 3);
    assert.equal(await redis.call('HLEN', (client) => client.hlen(redis.key('uses'))), 3);
  });

  it('who had a strike long ago is not remembered for it', async () => {
    const server = await made.start();
    let now = Date.now();
    const { registry, redis } = await made.leader(server.url, { nowMs: () => now });
    await registry.register(['once', 'culprit'].map((model) => registration({ model })));
    const { preparedDigest } = registration({}).artifact;
    const of = (model: string) => ({ tenant: 'acme', model, version: '1' });
    await registry.strike(of('once'), preparedDigest, 'crashed', 'a');
    now += made.limits.strikeMs + 1;
    await registry.strike(of('culprit'), preparedDigest, 'crashed', 'b');
    const struck = () => redis.call('SMEMBERS', (client) => client.smembers(redis.key('struck')));
    assert.equal((await struck()).length, 2);
    assert.equal(await registry.withdrawStrikes(of('culprit'), 'b'), 0);
    assert.deepEqual(await struck(), ['acme/culprit/1']);
  });

  it('is packed: no field of a model is too long for it', async () => {
    const server = await made.start();
    const { registry, redis } = await made.leader(server.url);
    const model = 'a-model-with-a-name-that-is-not-short';
    const versions = Array.from({ length: 12 }, (_, index) => `2026-01-01.${index}`);
    const numbers = { residentBytes: 98_765_432_109, loadMs: 1_234.567, runMs: 123.456 };
    const long = versions.map((version) => {
      const { artifact, ...rest } = registration({ model, version });
      return { ...rest, artifact: { ...artifact, bytes: 98_765_432_109, resources: numbers } };
    });
    await registry.register(long);
    const [stable = '', canary = '', shadow = ''] = versions;
    await registry.setTraffic('acme', model, {
      stable,
      canary: { version: canary, percent: 12.345 },
      shadow: { version: shadow, percent: 0.001 },
    });
    const key = redis.key(`m:acme/${model}`);
    const encoding = await redis.call('ENCODING', (client) => client.object('ENCODING', key));
    assert.match(String(encoding), /^(listpack|ziplist)$/);
  });
});
