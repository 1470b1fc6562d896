import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Redis } from 'ioredis';
import type { ObjectStore } from '../../src/stores/objects/objects.ts';
import { connectRedis } from '../../src/stores/redis/connection.ts';
import { parseRedisUrl } from '../../src/stores/redis/settings.ts';
import { openRedisRegistry } from '../../src/stores/registry/redis/redis.ts';
import { RevisionGapError } from '../../src/stores/registry/registry.ts';
import { readTable, registration } from '../contract/registry-support.ts';
import { KEPT_REDIS_LIMITS, KeptRedis, recordsOf } from '../support/kept.ts';
import { freePort } from '../support/free-port.ts';
import { RedisServer } from '../support/redis-server.ts';
import { freshObjects } from '../support/s3-objects.ts';
import { S3Server } from '../support/s3-server.ts';
import { until } from '../support/until.ts';

let redis: RedisServer;
let s3: S3Server;
let objects: ObjectStore;
let prefix: string;
const open: { close(): Promise<void> | void }[] = [];

before(async () => {
  s3 = await S3Server.start();
});
after(() => s3.close());

beforeEach(async () => {
  redis = await RedisServer.start();
  const fresh = freshObjects(s3);
  ({ objects, prefix } = fresh);
  open.push(redis, fresh);
});

afterEach(async () => {
  for (const each of open.splice(0).toReversed()) await each.close();
});

function manager(id: string): KeptRedis {
  const made = new KeptRedis(redis.url, objects, id);
  open.push(made);
  return made;
}

async function command(...args: [string, ...string[]]): Promise<void> {
  const client = new Redis(redis.port, '127.0.0.1');
  try {
    await client.call(...args);
  } finally {
    client.disconnect();
  }
}

/** Registers again and again, as one who repeats what was not acknowledged; tells which were. */
class Registering {
  readonly acknowledged: string[] = [];
  readonly #manager: () => KeptRedis;
  #done = false;
  #running: Promise<void>[];

  constructor(manager: () => KeptRedis) {
    this.#manager = manager;
    this.#running = [0, 1, 2].map((lane) => this.#run(lane));
  }

  async #run(lane: number): Promise<void> {
    for (let count = 0; !this.#done; ) {
      const model = `m${lane}-${count}`;
      try {
        const [outcome] = await this.#manager().registry.register([registration({ model })]);
        assert.notEqual(outcome?.status, 'rejected');
        this.acknowledged.push(model);
        count++;
      } catch (error) {
        assert.equal((error as { code?: string }).code, 'STORE_UNAVAILABLE', String(error));
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  async more(): Promise<void> {
    const before = this.acknowledged.length;
    await until('more is acknowledged', () => this.acknowledged.length > before + 10);
  }

  async end(): Promise<void> {
    this.#done = true;
    await Promise.all(this.#running);
  }

  async check(registry: KeptRedis): Promise<void> {
    const models = new Set(
      (await recordsOf(registry.raw)).map((each) => ('model' in each ? each.model : '')),
    );
    const missing = this.acknowledged.filter((model) => !models.has(model));
    assert.deepEqual(missing, [], `of ${this.acknowledged.length} acknowledged`);
  }
}

test('that a history begins is no loss, nor is a restart under which nothing was lost', async () => {
  const only = manager('only');
  await only.ready();
  await only.registry.putTenant('acme', {});
  const before = await only.raw.position();
  await command('SAVE');
  await redis.restart();
  await until('it has another history', async () => {
    const now = await only.raw.position().catch(() => undefined);
    return now !== undefined && now.history !== before?.history;
  });
  await only.ready();
  const metrics = await only.metrics.metrics();
  assert.match(metrics, /shoal_registry_heals_total\{why="went_back"\} 0/);
  assert.match(metrics, /shoal_registry_heals_total\{why="lead"\} 0/);
});

/** One who follows sees a change that is neither acknowledged nor recorded, and that Redis then loses. */
async function loseWhatWasSeen(url: string, before: () => Promise<void>, lose: () => Promise<void>) {
  const only = new KeptRedis(url, objects, 'only', { ...KEPT_REDIS_LIMITS, registryAskMs: 600_000 });
  open.push(only);
  await only.ready();
  await only.registry.putTenant('acme', {});
  await before();
  const connection = connectRedis(parseRedisUrl(url), KEPT_REDIS_LIMITS);
  open.push(connection);
  const fence = () => only.candidate.fence();
  const deps = { redis: connection, limits: KEPT_REDIS_LIMITS, fence, onWentBack: () => undefined };
  const unheard = openRedisRegistry(deps);
  await unheard.putTenant('seen', {});
  const table = await readTable(unheard);
  await lose();
  const comesOff = (action: () => Promise<unknown>) => () =>
    action().then(
      () => true,
      () => false,
    );
  await until(
    'a change is acknowledged again',
    comesOff(() => only.registry.putTenant('after', {})),
  );
  await until(
    'who follows is connected',
    comesOff(() => unheard.position()),
  );
  const following = unheard.follow(table.position, AbortSignal.timeout(20_000));
  await assert.rejects(following[Symbol.asyncIterator]().next(), RevisionGapError);
  assert.deepEqual(Object.keys((await readTable(unheard)).state()), ['acme', 'after']);
}

test('who has seen a change that a restart lost, and nobody acknowledged, misses none of those after it', async () => {
  await loseWhatWasSeen(
    redis.url,
    () => command('SAVE'),
    () => redis.restart(),
  );
});

test('the same when a failover of Sentinel loses it', async () => {
  const [port, sentinelPort] = [await freePort(), await freePort()];
  const replica = new RedisServer(port, ['save ""', `replicaof 127.0.0.1 ${redis.port}`]);
  const settings = ['down-after-milliseconds main 300', 'failover-timeout main 2000'];
  const monitor = [`monitor main 127.0.0.1 ${redis.port} 1`, ...settings];
  const sentinel = new RedisServer(
    sentinelPort,
    monitor.map((line) => `sentinel ${line}`),
    ['--sentinel'],
  );
  open.push(replica, sentinel);
  await command('CONFIG', 'SET', 'repl-diskless-sync-delay', '0');
  await replica.restart();
  await sentinel.restart();
  const hasAll = async (): Promise<void> => {
    const [master, backup, watcher] = [
      new Redis(redis.port, '127.0.0.1'),
      new Redis(port, '127.0.0.1'),
      new Redis(sentinelPort, '127.0.0.1'),
    ];
    try {
      await until('the replica has all', async () => {
        await master.set('probe', 'x');
        return (await master.wait(1, 1_000)) === 1;
      });
      await until('the sentinel knows it', async () => {
        const replicas = await watcher.call('SENTINEL', 'replicas', 'main');
        return (replicas as unknown[]).length === 1;
      });
      await backup.save();
    } finally {
      for (const client of [master, backup, watcher]) client.disconnect();
    }
    await replica.kill();
  };
  await loseWhatWasSeen(`redis+sentinel://127.0.0.1:${sentinelPort}/main`, hasAll, async () => {
    await redis.kill();
    await replica.restart();
  });
});

test('FLUSHALL under a leader at work loses nothing that was acknowledged', async () => {
  const only = manager('only');
  await only.ready();
  const registering = new Registering(() => only);
  for (let turn = 0; turn < 3; turn++) {
    await registering.more();
    await command('FLUSHALL');
    await registering.more();
  }
  await registering.end();
  await registering.check(only);
});

test('FLUSHALL under an idle leader is noticed and healed without anybody asking', async () => {
  const only = manager('only');
  await only.ready();
  await only.registry.putTenant('acme', {});
  const before = await only.raw.position();
  await command('FLUSHALL');
  await until('it has another history', async () => {
    const now = await only.raw.position();
    return now !== undefined && now.history !== before?.history;
  });
  assert.equal((await only.raw.tenant('acme'))?.revision, 1);
});

test('a Redis that comes back from an older dump gets back what it lost', async () => {
  const only = manager('only');
  await only.ready();
  const registering = new Registering(() => only);
  await registering.more();
  await command('SAVE');
  const dump = join(redis.directory, 'dump.rdb');
  await copyFile(dump, `${dump}.older`);
  await registering.more();
  await redis.kill();
  await copyFile(`${dump}.older`, dump);
  await redis.restart();
  await registering.more();
  await registering.end();
  await registering.check(only);
});

test('of two managers one goes on after FLUSHALL, and what either acknowledged is there', async () => {
  const one = manager('one');
  await one.ready();
  const two = manager('two');
  const leading = (): KeptRedis => (two.keeper.refusal() === undefined ? two : one);
  const registering = new Registering(leading);
  for (let turn = 0; turn < 3; turn++) {
    await registering.more();
    await command('FLUSHALL');
    await registering.more();
  }
  await registering.end();
  await registering.check(leading());
});

test('what a leader committed and could not record before kill -9 is recorded by the next', async () => {
  const program = fileURLToPath(new URL('../support/holding-manager.ts', import.meta.url));
  const settings = JSON.stringify(s3.settings(prefix));
  const args = ['--disable-warning=ExperimentalWarning', program, redis.url, settings];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  const exited = once(child, 'exit');
  for await (const line of createInterface({ input: child.stdout })) if (line === 'COMMITTED') break;
  child.kill('SIGKILL');
  await exited;
  const next = manager('next');
  await next.ready();
  assert.match(await next.metrics.metrics(), /shoal_registry_heals_total\{why="lead"\} 1/);
  const expected = await recordsOf(next.raw);
  assert.deepEqual(
    expected.map((each) => ('model' in each ? each.model : each.tenant)),
    ['acme', 'held', 'kept'],
  );
  await command('FLUSHALL');
  await until('it is healed', async () => (await next.raw.position()) !== undefined);
  await next.ready();
  assert.deepEqual(await recordsOf(next.raw), expected);
});
