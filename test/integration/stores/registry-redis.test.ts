import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { afterEach, describe, it } from 'node:test';
import { connectRedis } from '../../../src/stores/redis/connection.ts';
import { parseRedisUrl } from '../../../src/stores/redis/settings.ts';
import { COMMIT_CHANNEL, RevisionGapError } from '../../../src/stores/registry/registry.ts';
import { catchUp, positionOf, readTable, registration } from '../../contract/registry-support.ts';
import { freePort } from '../../support/free-port.ts';
import { isBack, lead, nextPage, nothing, RedisRegistries } from '../../support/redis-registry.ts';
import { until } from '../../support/until.ts';

const made = new RedisRegistries();
const { limits } = made;
const unavailable = { code: 'STORE_UNAVAILABLE' };

afterEach(() => made.close());

describe('the registry in Redis', { timeout: 120_000 }, () => {
  it('a log that was trimmed under a follower is a gap, and a new snapshot heals it', async () => {
    const server = await made.start();
    const few = { ...limits, changeLogEntries: 10 };
    const writer = await made.leader(server.url, { limits: few });
    const reader = made.join(server.url);
    const table = await readTable(reader.registry);
    for (let index = 0; index < 30; index++)
      await writer.registry.putTenant('acme', { labels: { n: `${index}` } });
    await assert.rejects(nextPage(reader.registry, table), RevisionGapError);
    const anew = await readTable(reader.registry);
    assert.equal(anew.revision, 30);
    assert.equal(reader.wentBack.count, 0);
  });

  it('two followers see every change, in order of revision, many in one page', async () => {
    const server = await made.start();
    const writer = await made.leader(server.url);
    const followers = await Promise.all(
      [0, 1].map(async () => {
        const { registry } = made.join(server.url);
        return { registry, table: await readTable(registry) };
      }),
    );
    const stop = new AbortController();
    const seen = followers.map(async ({ registry, table }) => {
      const names = new Set<string>();
      let pages = 0;
      for await (const page of registry.follow(table.position, stop.signal)) {
        assert.ok(page.position.revision > table.revision);
        table.apply(page);
        pages++;
        for (const entry of page.entries) if (entry.kind === 'model') names.add(entry.model);
        if (names.has('last')) break;
      }
      return { names, pages };
    });
    let commits = 0;
    const commit = (): void => {
      commits++;
    };
    subscribe(COMMIT_CHANNEL, commit);
    const calls = Array.from({ length: 1_000 }, (_, index) =>
      writer.registry.register([registration({ model: `m${index}` }, { activate: true })]),
    );
    await Promise.all(calls);
    unsubscribe(COMMIT_CHANNEL, commit);
    assert.ok(commits < 40, `${commits} scripts for 1,000 calls`);
    await writer.registry.register([registration({ model: 'last' })]);
    for (const { names, pages } of await Promise.all(seen)) {
      assert.equal(names.size, 1_001);
      assert.ok(pages < 100, `${pages} pages`);
    }
    const state = (await readTable(writer.registry)).state();
    for (const { table } of followers) assert.deepEqual(table.state(), state);
  });

  it('a Redis that is frozen fails calls and followers in time, and is there again with it', async () => {
    const server = await made.start();
    const writer = await made.leader(server.url);
    const reader = made.join(server.url);
    const table = await readTable(reader.registry);
    const waiting = nextPage(reader.registry, table);
    server.freeze();
    const following = assert.rejects(waiting, unavailable);
    const calls = [1, 2, 3].map((n) => writer.registry.register([registration({ version: `${n}` })]));
    for (const call of calls) await assert.rejects(call, unavailable);
    await assert.rejects(reader.registry.model('acme', 'churn'), unavailable);
    await following;
    server.thaw();
    await isBack(writer);
    await isBack(reader);
    // What failed may have been done.
    const [outcome] = await writer.registry.register([registration({})]);
    assert.notEqual(outcome?.status, 'rejected');
    await catchUp(reader.registry, table);
    assert.deepEqual(table.state(), (await readTable(writer.registry)).state());
    assert.equal(writer.wentBack.count, 0);
  });

  it('with an append-only file nothing acknowledged is lost by kill -9', async () => {
    const server = await made.start({ aof: true });
    const writer = await made.leader(server.url);
    await writer.registry.register(
      Array.from({ length: 50 }, (_, index) => registration({ model: `m${index}` }, { activate: true })),
    );
    const before = await readTable(writer.registry);
    await server.kill();
    await assert.rejects(writer.registry.putTenant('acme', {}), unavailable);
    await server.restart();
    await isBack(writer);
    const after = await readTable(writer.registry);
    assert.deepEqual(after.position, before.position);
    assert.deepEqual(after.state(), before.state());
    assert.equal(writer.wentBack.count, 0);
  });

  it('a Redis that comes back empty has no history: nobody takes it for an empty registry', async () => {
    const server = await made.start();
    const writer = await made.leader(server.url);
    await writer.registry.register([registration({}, { activate: true })]);
    const record = await writer.registry.record('acme', 'churn');
    assert.ok(record !== undefined);
    const reader = made.join(server.url);
    const table = await readTable(reader.registry);
    await server.kill();
    await server.restart();
    for (const each of [writer, reader]) {
      await isBack(each);
      assert.equal(await each.registry.position(), undefined);
      await assert.rejects(readTable(each.registry), unavailable);
      await assert.rejects(each.registry.model('acme', 'churn'), unavailable);
      await assert.rejects(nextPage(each.registry, table), RevisionGapError);
      assert.ok(each.wentBack.count > 0);
    }
    await assert.rejects(writer.registry.putTenant('acme', {}), /does not lead/);
    await lead(writer.redis, 'leader');
    const told = writer.wentBack.count;
    await assert.rejects(writer.registry.putTenant('acme', {}), { ...unavailable, message: /no history/ });
    assert.equal(writer.wentBack.count, told + 1);
    async function* kept() {
      yield await Promise.resolve([record as NonNullable<typeof record>]);
    }
    const restored = await writer.registry.restore(kept());
    assert.ok(restored.revision > table.revision);
    assert.deepEqual((await readTable(reader.registry)).state(), table.state());
  });

  it('a Redis that comes back with less is noticed by all who knew more, until it is healed', async () => {
    const server = await made.start();
    const writer = await made.leader(server.url);
    await writer.registry.register([registration({}, { activate: true })]);
    await writer.redis.call('SAVE', (redis) => redis.save());
    await writer.registry.register([registration({ version: '2' }, { activate: true })]);
    const reader = made.join(server.url);
    const table = await readTable(reader.registry);
    await server.kill();
    await server.restart();
    for (const each of [writer, reader]) {
      await isBack(each);
      const behind = { ...unavailable, message: /lost changes/ };
      await assert.rejects(nextPage(each.registry, table), behind);
      await assert.rejects(readTable(each.registry), behind);
      await assert.rejects(each.registry.model('acme', 'churn'), behind);
      assert.ok(each.wentBack.count >= 3);
    }
    await assert.rejects(writer.registry.register([registration({ version: '3' })]), unavailable);
    assert.equal(await writer.registry.position(), undefined, 'a new history has to begin');
    const stranger = made.join(server.url);
    assert.equal((await stranger.registry.position())?.revision, 2, 'nothing was changed');
    await assert.rejects(nextPage(stranger.registry, table), RevisionGapError);
    await writer.registry.restore(nothing());
    await assert.rejects(nextPage(reader.registry, table), RevisionGapError);
    const anew = await readTable(reader.registry);
    assert.ok(anew.revision > table.revision);
    await writer.registry.register([registration({ version: '2' }, { activate: true })]);
    await catchUp(reader.registry, anew);
    assert.deepEqual(anew.state(), table.state());
  });

  it('who does not lead, or no longer, changes nothing', async () => {
    const server = await made.start();
    const first = await made.leader(server.url);
    await first.registry.register([registration({}, { activate: true })]);
    await first.redis.call('DEL', (redis) => redis.del(first.redis.key('leader')));
    await lead(first.redis, 'another');
    const before = await positionOf(first.registry);
    const id = { tenant: 'acme', model: 'churn', version: '1' };
    const { preparedDigest } = registration({}).artifact;
    for (const { registry } of [first, made.join(server.url)]) {
      const changes: (() => Promise<unknown>)[] = [
        () => registry.register([registration({ version: '2' })]),
        () => registry.deleteVersion(id),
        () => registry.deleteModel('acme', 'churn'),
        () => registry.setTraffic('acme', 'churn', {}),
        () => registry.strike(id, preparedDigest, 'crashed', 'c'),
        () => registry.withdrawStrikes(id, 'c'),
        () => registry.liftQuarantine(id),
        () => registry.putModelSettings('acme', 'churn', { minCopies: 1 }),
        () => registry.putTenant('acme', {}),
        () => registry.deleteTenant('acme'),
        () => registry.restore(nothing()),
      ];
      for (const change of changes)
        await assert.rejects(change, { ...unavailable, message: /does not lead/ }, change.toString());
    }
    assert.deepEqual(await positionOf(first.registry), before);
  });

  it('a leader that finds another history is told so, and goes on in it from its next look on', async () => {
    const server = await made.start();
    const first = await made.leader(server.url);
    await first.registry.putTenant('acme', {});
    await made.leader(server.url);
    await assert.rejects(first.registry.putTenant('acme', {}), {
      ...unavailable,
      message: /another history/,
    });
    assert.equal(first.wentBack.count, 1);
    assert.equal((await first.registry.position())?.revision, 3);
    assert.equal(first.wentBack.count, 2);
    await first.registry.putTenant('acme', {});
    assert.equal(first.wentBack.count, 2);
  });

  it('works in a Redis Cluster', async () => {
    const config = [
      'cluster-enabled yes',
      `cluster-port ${await freePort()}`,
      'cluster-announce-ip 127.0.0.1',
    ];
    const server = await made.start({ config });
    const node = connectRedis(parseRedisUrl(server.url), limits);
    made.closeLater(() => node.close());
    await node.call('ADDSLOTS', (redis) => redis.call('CLUSTER', 'ADDSLOTSRANGE', '0', '16383'));
    await until('the cluster is ready', async () => {
      const info = await node.call('INFO', (redis) => redis.call('CLUSTER', 'INFO'));
      return String(info).includes('cluster_state:ok');
    });
    const url = `redis+cluster://127.0.0.1:${server.port}`;
    const writer = await made.leader(url);
    const reader = made.join(url);
    const table = await readTable(reader.registry);
    const page = nextPage(reader.registry, table);
    await writer.registry.register([registration({}, { activate: true })]);
    table.apply((await page).value);
    await catchUp(reader.registry, table);
    assert.deepEqual(table.state(), (await readTable(writer.registry)).state());
  });

  it('goes on after SCRIPT FLUSH', async () => {
    const server = await made.start();
    const { registry, redis } = await made.leader(server.url);
    await registry.register([registration({})]);
    await redis.call('SCRIPT FLUSH', (client) => client.script('FLUSH'));
    await registry.register([registration({ version: '2' })]);
    assert.deepEqual((await registry.model('acme', 'churn'))?.versions, ['1', '2']);
  });
});
