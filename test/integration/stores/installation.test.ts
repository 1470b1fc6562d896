import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { Installation } from '../../../src/stores/records/installation.ts';
import { connectRedis } from '../../../src/stores/redis/connection.ts';
import { parseRedisUrl } from '../../../src/stores/redis/settings.ts';
import { MemoryObjects } from '../../support/memory-objects.ts';
import { RedisServer } from '../../support/redis-server.ts';

let server: RedisServer;
before(async () => {
  server = await RedisServer.start();
});
after(() => server.close());

test('Redis and object store are joined once, one that was lost is joined again, and strangers are refused', async (t) => {
  const open = (prefix: string, objects: MemoryObjects): Installation => {
    const redis = connectRedis(parseRedisUrl(`${server.url}?prefix=${prefix}`), DEFAULT_LIMITS);
    t.after(() => redis.close());
    return new Installation(redis, objects);
  };
  const [own, other] = [new MemoryObjects(), new MemoryObjects()];
  await open('own', own).check();
  assert.equal(await own.get('installation'), undefined, 'a check names nothing');
  await open('own', own).claim();
  await open('own', own).claim();
  await open('own', own).check();

  const elsewhere = {
    code: 'STORE_UNAVAILABLE',
    message: /objects are not there: look whether bucket and prefix/,
  };
  await assert.rejects(open('own', other).check(), elsewhere);
  await assert.rejects(open('own', other).claim(), elsewhere);
  assert.equal(await other.get('installation'), undefined, 'who is refused names nothing');

  await open('other', other).claim();
  const strangers = { code: 'STORE_UNAVAILABLE', message: /belongs to another installation/ };
  await assert.rejects(open('own', other).claim(), strangers);
  await assert.rejects(open('other', own).claim(), strangers);

  await open('empty', own).claim();
  await open('empty', own).check();
  await assert.rejects(
    open('empty', other).check(),
    strangers,
    'a Redis that was lost is of the objects that filled it',
  );
  await own.put('installation', Buffer.from('<html>'));
  await assert.rejects(open('own', own).check(), { message: /"installation" .* is not one of ours/ });
});
