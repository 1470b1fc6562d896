import { ShoalError } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import type { Limits } from '../../core/limits.ts';
import type { RedisConnection } from '../redis/connection.ts';
import { RedisScript } from '../redis/script.ts';
import type { MemberAnnouncer } from './members.ts';

const ANNOUNCE = new RedisScript(new URL('./announce.lua', import.meta.url));
const LEAVE = new RedisScript(new URL('./leave.lua', import.meta.url));

/** Deaths that readers who were away can still hear of. */
const DEATHS_KEPT = 1_000;

export function redisAnnouncer(
  redis: RedisConnection,
  { memberLeaseMs }: Pick<Limits, 'memberLeaseMs'>,
): MemberAnnouncer {
  const keys = [redis.key('members'), redis.key('fleet')];
  return {
    async announce(member) {
      const args = [member.id, JSON.stringify(member), member.address, memberLeaseMs];
      const other = await ANNOUNCE.run(redis, keys, args);
      if (typeof other !== 'string') return;
      throw new ShoalError(
        'IN_USE',
        `worker id ${quote(member.id)} belongs to the worker at ${other} until it leaves or its lease is over; every worker needs an id of its own`,
      );
    },
    async leave({ id, address }) {
      await LEAVE.run(redis, keys, [id, address]);
    },
    async died(death) {
      const [, fleet] = keys as [string, string];
      await redis.call('death', (commands) =>
        commands.xadd(fleet, 'MAXLEN', '~', DEATHS_KEPT, '*', 'death', JSON.stringify(death)),
      );
    },
  };
}
