import { RegistryKeeper } from '../../manager/registry-keeper.ts';
import type { StandingCandidate } from '../../stores/leader/leader.ts';
import { RecordObjects } from '../../stores/records/records.ts';
import { openRedisRegistry } from '../../stores/registry/redis/redis.ts';
import type { Registry } from '../../stores/registry/registry.ts';
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
  const keeper = new RegistryKeeper({
    candidate,
    records,
    limits,
    logger,
    metrics,
    now,
    random: Math.random,
  });
  const onWentBack = (): void => keeper.doubt();
  const followed = openRedisRegistry({ redis, limits, fence: () => candidate.fence(), onWentBack });
  stack.defer(() => followed.close());
  const registry = keeper.keep(followed);
  stack.defer(() => keeper.close());
  return { registry, followed, keeper };
}
