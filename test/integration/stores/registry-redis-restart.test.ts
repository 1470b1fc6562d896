import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { RevisionGapError } from '../../../src/stores/registry/registry.ts';
import { positionOf, readTable, registration } from '../../contract/registry-support.ts';
import { isBack, lead, nextPage, nothing, RedisRegistries } from '../../support/redis-registry.ts';

const made = new RedisRegistries();
const unavailable = { code: 'STORE_UNAVAILABLE' };

afterEach(() => made.close());

describe('the registry in a Redis that is started anew', { timeout: 120_000 }, () => {
  it('after a restart nothing is changed until another history begins: followers may know more', async () => {
    const server = await made.start({ aof: true });
    const writer = await made.leader(server.url);
    const reader = made.join(server.url);
    await writer.registry.putTenant('acme', {});
    const table = await readTable(reader.registry);
    assert.equal(await writer.registry.isUnbroken(), true);
    await server.restart();
    await isBack(writer);
    assert.equal(await writer.registry.isUnbroken(), false);
    await assert.rejects(writer.registry.putTenant('bolt', {}), { ...unavailable, message: /started anew/ });
    assert.equal(writer.wentBack.count, 1);
    assert.deepEqual(await positionOf(writer.registry), table.position, 'nothing was changed');
    await writer.registry.restore(nothing());
    assert.equal(await writer.registry.isUnbroken(), true);
    await isBack(reader);
    await assert.rejects(nextPage(reader.registry, table), RevisionGapError);
    await writer.registry.putTenant('bolt', {});
    assert.deepEqual(Object.keys((await readTable(reader.registry)).state()), ['acme', 'bolt']);
  });

  it('a restoration under which Redis is emptied begins no history', async () => {
    const server = await made.start();
    const writer = await made.leader(server.url);
    await writer.registry.register([registration({}), registration({ model: 'ltv' })]);
    const [tenant, model] = [
      await writer.registry.record('acme'),
      await writer.registry.record('acme', 'churn'),
    ];
    assert.ok(tenant !== undefined && model !== undefined);
    async function* pages() {
      yield [tenant as NonNullable<typeof tenant>];
      await writer.redis.call('FLUSHALL', (redis) => redis.flushall());
      await lead(writer.redis, 'leader');
      yield [model as NonNullable<typeof model>];
    }
    await assert.rejects(writer.registry.restore(pages()), {
      ...unavailable,
      message: /while the registry was being restored/,
    });
    assert.equal(await writer.registry.position(), undefined);
  });
});
