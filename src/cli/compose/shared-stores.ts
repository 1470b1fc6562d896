import type { Limits } from '../../core/limits.ts';
import type { ArtifactStore } from '../../stores/artifacts/artifacts.ts';
import { openS3Artifacts } from '../../stores/artifacts/s3.ts';
import type { ObjectStore } from '../../stores/objects/objects.ts';
import { S3Calls } from '../../stores/objects/s3-calls.ts';
import { S3Objects } from '../../stores/objects/s3-objects.ts';
import type { PlanStore } from '../../stores/plans/plans.ts';
import { openS3Plans } from '../../stores/plans/s3-plans.ts';
import { openRedisRegistry } from '../../stores/registry/redis/redis.ts';
import type { Registry } from '../../stores/registry/registry.ts';
import type { S3Settings } from '../../wire/store-settings.ts';

import type { Meeting, MeetingSettings } from './meeting.ts';

const TOLD_EVERY_MS = 60_000;

export interface SharedObjects {
  /** The installation's own. */
  readonly objects: ObjectStore;
  readonly artifacts: ArtifactStore;
  readonly plans: PlanStore;
  /** What else the same server and credentials reach. */
  readonly buckets: (bucket: string) => ObjectStore;
}

/** Asks nothing of the server: it need not be there yet. */
export async function openSharedObjects(
  s3: S3Settings,
  limits: Limits,
  stack: AsyncDisposableStack,
): Promise<SharedObjects> {
  const calls = new S3Calls(s3, limits);
  stack.defer(() => calls.close());
  const objects = new S3Objects(calls, s3.bucket, s3.prefix);
  const artifacts = await openS3Artifacts(objects, limits);
  const plans = openS3Plans(objects);
  stack.defer(() => plans.close());
  return { objects, artifacts, plans, buckets: (bucket) => new S3Objects(calls, bucket, '') };
}

/** For a process that only reads. */
export function openFollowedRegistry(
  { redis }: Meeting,
  { limits, logger }: MeetingSettings,
  stack: AsyncDisposableStack,
): Registry {
  let toldAtMs = Number.NEGATIVE_INFINITY;
  // Found again at every call for as long as it lasts.
  const onWentBack = (): void => {
    if (performance.now() - toldAtMs < TOLD_EVERY_MS) return;
    toldAtMs = performance.now();
    logger.warn(
      'the registry in Redis is empty, lost changes or has another history; the leading manager sees to it',
    );
  };
  const registry = openRedisRegistry({ redis, limits, fence: () => undefined, onWentBack });
  stack.defer(() => registry.close());
  return registry;
}
