import type { RedisConnection } from './connection.ts';

/** What Redis may throw away when its memory is full; undefined: nothing, or it doesn't tell. */
export async function evictionPolicy(redis: RedisConnection): Promise<string | undefined> {
  const info = await redis.call('INFO', (commands) => commands.info('memory'));
  const policy = /^maxmemory_policy:(\S+)/m.exec(info)?.[1];
  return policy === 'noeviction' ? undefined : policy;
}
