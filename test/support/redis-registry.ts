import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { Fence } from '../../src/stores/leader/leader.ts';
import { connectRedis, type RedisConnection } from '../../src/stores/redis/connection.ts';
import { RedisScript } from '../../src/stores/redis/script.ts';
import { parseRedisUrl } from '../../src/stores/redis/settings.ts';
import type { RegistryRecord } from '../../src/stores/registry/records.ts';
import { openRedisRegistry, type RedisRegistryDeps } from '../../src/stores/registry/redis/redis.ts';
import type { Registry } from '../../src/stores/registry/registry.ts';
import type { Table } from '../contract/registry-model.ts';
import { Happening } from './happening.ts';
import { until } from './until.ts';
import { RedisServer, type RedisServerOptions } from './redis-server.ts';

const CAMPAIGN = new RedisScript(new URL('../../src/stores/leader/campaign.lua', import.meta.url));
const LEASE_MS = 600_000;

/** Takes the lead for as long as a test lasts. */
export async function lead(redis: RedisConnection, id: string): Promise<Fence> {
  const keys = [redis.key('leader'), redis.key('term'), redis.key('fleet')];
  const [leader, , term] = (await CAMPAIGN.run(redis, keys, [id, `http://${id}`, LEASE_MS])) as [
    string,
    string,
    number,
  ];
  return { leader, term };
}

/** For `restore`: a history begins, with what is there. */
export async function* nothing(): AsyncGenerator<RegistryRecord[]> {}

export interface OpenedRegistry {
  readonly registry: Registry;
  readonly redis: RedisConnection;
  readonly wentBack: Happening;
}

/** Servers and registries of a test, each registry with a connection of its own as another process has it. */
export class RedisRegistries {
  readonly limits = { ...DEFAULT_LIMITS, redisCallMs: 1_500, redisBlockMs: 200, redisRetryMs: 100 };
  readonly #open: (() => Promise<void> | void)[] = [];

  async start(options: RedisServerOptions = {}): Promise<RedisServer> {
    const server = await RedisServer.start(options);
    this.closeLater(() => server.close());
    return server;
  }

  join(url: string, deps: Partial<RedisRegistryDeps> = {}): OpenedRegistry {
    const { limits } = this;
    const redis = connectRedis(parseRedisUrl(url), limits);
    const wentBack = new Happening();
    const onWentBack = (): void => wentBack.happen();
    const registry = openRedisRegistry({ redis, limits, fence: () => undefined, onWentBack, ...deps });
    this.closeLater(async () => {
      await registry.close();
      redis.close();
    });
    return { registry, redis, wentBack };
  }

  /** Who leads, with a history begun. */
  async leader(url: string, deps: Partial<RedisRegistryDeps> = {}): Promise<OpenedRegistry> {
    const redis = connectRedis(parseRedisUrl(url), this.limits);
    this.closeLater(() => redis.close());
    const fence = await lead(redis, 'leader');
    const opened = this.join(url, { fence: () => fence, ...deps });
    await opened.registry.restore(nothing());
    return opened;
  }

  closeLater(close: () => Promise<void> | void): void {
    this.#open.push(close);
  }

  async close(): Promise<void> {
    for (const close of this.#open.splice(0).toReversed()) await close();
  }
}

export async function isBack({ registry }: OpenedRegistry): Promise<void> {
  const answers = (): Promise<boolean> =>
    registry.position().then(
      () => true,
      () => false,
    );
  await until('Redis answers again', answers);
}

export function nextPage(registry: Registry, table: Table) {
  return registry.follow(table.position, AbortSignal.timeout(20_000))[Symbol.asyncIterator]().next();
}
