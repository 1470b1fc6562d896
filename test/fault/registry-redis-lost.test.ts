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
import { registration } from '../contract/registry-support.ts';
import { KeptRedis, recordsOf } from '../support/kept.ts';
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
