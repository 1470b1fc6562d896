import { RegistryKeeper } from '../../manager/registry-keeper.ts';
import type { Logger } from 'pino';
import type { StandingCandidate } from '../../stores/leader/leader.ts';
import type { RedisConnection } from '../../stores/redis/connection.ts';
import { evictionPolicy } from '../../stores/redis/eviction.ts';
import { Installation } from '../../stores/records/installation.ts';
import { RecordObjects } from '../../stores/records/records.ts';
import { openRedisRegistry } from '../../stores/registry/redis/redis.ts';
import type { Registry } from '../../stores/registry/registry.ts';
import { gauge } from '../../telemetry/gauge.ts';
import type { Meeting, MeetingSettings } from './meeting.ts';
import type { SharedObjects } from './shared-stores.ts';

export interface LedRegistry {
  /** For the manager's role: what it acknowledges has its record in the object store. */
  readonly registry: Registry;
  /** As it stands in Redis, for a router. */
  readonly followed: Registry;
  readonly keeper: RegistryKeeper;
}

/** The registry in Redis, changed by this process for as long as it leads. */
export function openLedRegistry(
  { redis }: Meeting,
  { limits, logger, metrics }: MeetingSettings,
  candidate: StandingCandidate,
  { objects }: SharedObjects,
  stack: AsyncDisposableStack,
): LedRegistry {
  const records = new RecordObjects(objects, limits);
  const now = (): number => performance.now();
  const installation = new Installation(redis, objects);
  const keeper = new RegistryKeeper({
    candidate,
    claim: () => installation.claim(),
    records,
    limits,
    logger,
    metrics,
    now,
    random: Math.random,
  });
  gauge(metrics, 'shoal_manager_leads', '1 while this manager leads and takes changes.', () =>
    keeper.refusal() === undefined ? 1 : 0,
  );
  // What would only be found out in the lead is better said at once.
  foresee(redis, installation, logger).catch((error: unknown) =>
    logger.warn({ err: error }, 'this manager could not take the lead as things are'),
  );
  const onWentBack = (): void => keeper.doubt();
  const followed = openRedisRegistry({ redis, limits, fence: () => candidate.fence(), onWentBack });
  stack.defer(() => followed.close());
  const registry = keeper.keep(followed);
  stack.defer(() => keeper.close());
  return { registry, followed, keeper };
}

async function foresee(redis: RedisConnection, installation: Installation, logger: Logger): Promise<void> {
  const policy = await evictionPolicy(redis);
  if (policy !== undefined)
    logger.warn(`Redis throws away what it has when it is full (maxmemory-policy ${policy}): set noeviction`);
  await installation.check();
}
