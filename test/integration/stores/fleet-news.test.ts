import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { pino } from 'pino';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import type { WorkerDeath } from '../../../src/stores/members/members.ts';
import { redisAnnouncer } from '../../../src/stores/members/redis-announcer.ts';
import { watchRedisMembers } from '../../../src/stores/members/redis.ts';
import { connectRedis, type RedisConnection } from '../../../src/stores/redis/connection.ts';
import { parseRedisUrl } from '../../../src/stores/redis/settings.ts';
import { RedisServer } from '../../support/redis-server.ts';
import { until } from '../../support/until.ts';

const limits = { ...DEFAULT_LIMITS, memberPollMs: 20 };

let server: RedisServer;
let redis: RedisConnection;

before(async () => {
  server = await RedisServer.start();
  redis = connectRedis(parseRedisUrl(server.url), limits);
});
after(async () => {
  redis.close();
  await server.close();
});

test('news that can not be used keep nobody from those after them', async () => {
  const deps = { redis, limits, logger: pino({ level: 'silent' }), now: () => performance.now() };
  const members = watchRedisMembers(deps);
  try {
    const deaths: WorkerDeath[] = [];
    members.watchDeaths((death) => deaths.push(death));
    const announcer = redisAnnouncer(redis, limits);
    await until('it listens', async () => {
      await announcer.died({ worker: 'first', atWork: [] });
      return deaths.length > 0;
    });
    const add = (kind: string, value: string) =>
      redis.call('XADD', (commands) => commands.xadd(redis.key('fleet'), '*', kind, value));
    await add('death', 'no JSON');
    await announcer.died({ worker: 'second', atWork: [] });
    await until('it hears of the second', () => deaths.some(({ worker }) => worker === 'second'));
    assert.equal(deaths.filter(({ worker }) => worker === 'second').length, 1);
  } finally {
    await members.close();
  }
});
