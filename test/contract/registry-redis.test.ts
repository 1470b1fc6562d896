import { after, before } from 'node:test';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { connectRedis } from '../../src/stores/redis/connection.ts';
import { parseRedisUrl } from '../../src/stores/redis/settings.ts';
import { openRedisRegistry } from '../../src/stores/registry/redis/redis.ts';
import { lead, nothing } from '../support/redis-registry.ts';
import { RedisServer } from '../support/redis-server.ts';
import { registryContract } from './registry.ts';

let server: RedisServer;
let cases = 0;

before(async () => {
  server = await RedisServer.start();
});
after(() => server.close());

/** Every case has a prefix of its own. */
registryContract('redis', async (limits, nowMs) => {
  const redis = connectRedis(parseRedisUrl(`${server.url}?prefix=case${cases++}`), DEFAULT_LIMITS);
  const fence = await lead(redis, 'manager');
  const open = () =>
    openRedisRegistry({
      redis,
      limits: { ...DEFAULT_LIMITS, ...limits },
      fence: () => fence,
      onWentBack: () => undefined,
      nowMs,
    });
  let registry = open();
  await registry.restore(nothing());
  return {
    registry,
    async reopen() {
      await registry.close();
      registry = open();
      return registry;
    },
    async close() {
      await registry.close();
      redis.close();
    },
  };
});
