import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { connectRedis, type RedisConnection } from '../../../src/stores/redis/connection.ts';
import { evictionPolicy } from '../../../src/stores/redis/eviction.ts';
import { RedisScript } from '../../../src/stores/redis/script.ts';
import { parseRedisUrl } from '../../../src/stores/redis/settings.ts';
import { freePort } from '../../support/free-port.ts';
import { RedisServer } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

const limits = { ...DEFAULT_LIMITS, redisCallMs: 300, redisRetryMs: 100 };

describe('a connection to Redis', { timeout: 60_000 }, () => {
  let server: RedisServer;
  let connection: RedisConnection;
  const ping = () => connection.call('PING', (redis) => redis.ping());
  const answers = async () => {
    try {
      return (await ping()) === 'PONG';
    } catch {
      return false;
    }
  };

  before(async () => {
    server = await RedisServer.start({ config: ['requirepass hush'] });
    connection = connectRedis(parseRedisUrl(`redis://:hush@127.0.0.1:${server.port}`), limits);
  });
  after(async () => {
    connection.close();
    await server.close();
  });

  it('does what it is asked', async () => {
    assert.equal(await ping(), 'PONG');
    assert.equal(connection.key('x'), '{shoal}:x');
  });

  it('fails within its limit while Redis is frozen, and comes back with it', async () => {
    server.freeze();
    const calls = await Promise.allSettled(Array.from({ length: 100 }, ping));
    for (const call of calls) {
      assert.equal(call.status, 'rejected');
      assert.equal(call.reason.code, 'STORE_UNAVAILABLE');
      assert.match(call.reason.message, /^Redis at 127\.0\.0\.1:\d+: /);
    }
    await assert.rejects(ping(), { code: 'STORE_UNAVAILABLE' });
    server.thaw();
    await until('it answers again', answers);
  });

  it('fails what is under way when Redis dies, and comes back with it', async () => {
    const waiting = connection.forWaiting(30_000);
    const call = waiting.call('BLPOP', (redis) => redis.blpop('nothing', 30));
    await until('it waits', async () => {
      const info = await connection.call('INFO', (redis) => redis.info('clients'));
      return info.includes('blocked_clients:1');
    });
    const failed = assert.rejects(call, { code: 'STORE_UNAVAILABLE' });
    await server.kill();
    await failed;
    waiting.close();
    await assert.rejects(ping(), { code: 'STORE_UNAVAILABLE' });
    await server.restart();
    await until('it answers again', answers);
  });

  it('lets any number of calls wait for a connection that is being made, without a warning', async () => {
    const warnings: Error[] = [];
    const onWarning = (warning: Error): void => void warnings.push(warning);
    process.on('warning', onWarning);
    const fresh = connectRedis(parseRedisUrl(`redis://:hush@127.0.0.1:${server.port}`), limits);
    try {
      const pings = Array.from({ length: 50 }, () => fresh.call('PING', (redis) => redis.ping()));
      assert.deepEqual(new Set(await Promise.all(pings)), new Set(['PONG']));
      assert.deepEqual(warnings, []);
    } finally {
      process.off('warning', onWarning);
      fresh.close();
    }
  });

  it('waits longer for what waits inside Redis', async () => {
    const waiting = connection.forWaiting(30_000);
    assert.equal(await waiting.call('BLPOP', (redis) => redis.blpop('nothing', 0.5)), null);
    waiting.close();
  });

  it('has a bound on what is under way', async () => {
    const narrow = connectRedis(connection.settings, { ...limits, redisCalls: 2 });
    const two = [1, 2].map(() => narrow.call('PING', (redis) => redis.ping()));
    await assert.rejects(
      narrow.call('PING', (redis) => redis.ping()),
      /limit redisCalls/,
    );
    assert.deepEqual(await Promise.all(two), ['PONG', 'PONG']);
    narrow.close();
  });

  it('says what is wrong when the password is, without it', async () => {
    const url = `redis://:wrong-hush@127.0.0.1:${server.port}`;
    const refused = connectRedis(parseRedisUrl(url), limits);
    await assert.rejects(
      refused.call('PING', (redis) => redis.ping()),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, 'STORE_UNAVAILABLE');
        assert.match(error.message, /refuses the user or password/);
        assert.doesNotMatch(`${error.message} ${String(error.cause)}`, /hush/);
        return true;
      },
    );
    refused.close();
  });

  it('says that a password is asked for', async () => {
    const unknown = connectRedis(parseRedisUrl(server.url), limits);
    await assert.rejects(
      unknown.call('PING', (redis) => redis.ping()),
      /asks for a password/,
    );
    unknown.close();
  });

  it('knows what Redis may throw away', async () => {
    assert.equal(await evictionPolicy(connection), undefined);
    await connection.call('CONFIG', (redis) => redis.config('SET', 'maxmemory-policy', 'allkeys-lru'));
    assert.equal(await evictionPolicy(connection), 'allkeys-lru');
  });

  it('says that nobody listens', async () => {
    const nobody = connectRedis(parseRedisUrl(`redis://127.0.0.1:${await freePort()}`), limits);
    await assert.rejects(
      nobody.call('PING', (redis) => redis.ping()),
      /no connection \(connect ECONNREFUSED/,
    );
    nobody.close();
  });

  it('runs a script whether Redis knows it or not', async () => {
    const file = join(server.directory, 'add.lua');
    writeFileSync(file, "return redis.call('INCRBY', KEYS[1], ARGV[1])");
    const add = new RedisScript(pathToFileURL(file));
    const key = connection.key('sum');
    assert.equal(await add.run(connection, [key], [2]), 2);
    assert.equal(await add.run(connection, [key], [3]), 5);
    await connection.call('SCRIPT FLUSH', (redis) => redis.script('FLUSH'));
    assert.equal(await add.run(connection, [key], [4]), 9);
  });

  it('tells a mistake in a script from a Redis that is away', async () => {
    const file = join(server.directory, 'wrong.lua');
    writeFileSync(file, "return redis.call('INCRBY', KEYS[1], 'x')");
    const wrong = new RedisScript(pathToFileURL(file));
    await assert.rejects(wrong.run(connection, [connection.key('sum')], []), (error: Error) => {
      return !('code' in error) && error.message.includes('wrong.lua');
    });
  });
});
