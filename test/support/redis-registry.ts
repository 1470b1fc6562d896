import type { Fence } from '../../src/stores/leader/leader.ts';
import type { RedisConnection } from '../../src/stores/redis/connection.ts';
import { RedisScript } from '../../src/stores/redis/script.ts';
import type { RegistryRecord } from '../../src/stores/registry/records.ts';

const CAMPAIGN = new RedisScript(new URL('../../src/stores/leader/campaign.lua', import.meta.url));
const LEASE_MS = 600_000;

/** Takes the lead for as long as a test lasts. */
export async function lead(redis: RedisConnection, id: string): Promise<Fence> {
  const keys = [redis.key('leader'), redis.key('term')];
  const [leader, , term] = (await CAMPAIGN.run(redis, keys, [id, `http://${id}`, LEASE_MS])) as [
    string,
    string,
    number,
  ];
  return { leader, term };
}

/** For `restore`: a history begins, with what is there. */
export async function* nothing(): AsyncGenerator<RegistryRecord[]> {}
