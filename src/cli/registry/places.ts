import { randomBytes } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { DEFAULT_LIMITS } from '../../core/limits.ts';
import type { ContentStore } from '../../manager/garbage.ts';
import type { ArtifactStore } from '../../stores/artifacts/artifacts.ts';
import { openDirectoryArtifacts } from '../../stores/artifacts/directory.ts';
import { openS3Artifacts } from '../../stores/artifacts/s3.ts';
import type { StandingCandidate } from '../../stores/leader/leader.ts';
import { redisCandidate } from '../../stores/leader/redis.ts';
import type { ObjectStore } from '../../stores/objects/objects.ts';
import { S3Calls } from '../../stores/objects/s3-calls.ts';
import { S3Objects } from '../../stores/objects/s3-objects.ts';
import { openPlanReader } from '../../stores/plans/plan-reader.ts';
import type { PlanFetcher, PlanStore } from '../../stores/plans/plans.ts';
import { type ObjectPlans, openPlanFetcher, openS3Plans } from '../../stores/plans/s3-plans.ts';
import { openSqlitePlans } from '../../stores/plans/sqlite-plans.ts';
import { Installation } from '../../stores/records/installation.ts';
import { RecordObjects } from '../../stores/records/records.ts';
import { connectRedis, type RedisConnection } from '../../stores/redis/connection.ts';
import { isRedisUrl } from '../../stores/redis/settings.ts';
import { openRedisRegistry } from '../../stores/registry/redis/redis.ts';
import type { Registry } from '../../stores/registry/registry.ts';
import { openSqliteRegistry } from '../../stores/registry/sqlite.ts';
import { createLogger } from '../../telemetry/logger.ts';
import { type DataDir, openDataDir } from '../data-dir.ts';
import { CliError, EXIT } from '../exit.ts';
import { redisSettingsOf, required, s3SettingsOf, type SharedStoreOptions } from '../role-options.ts';

/** Long enough for the lease of a manager that died to end. */
const LEASES = 1.5;
const LOOK_MS = 50;
/** Nobody passes changes on to a command. */
const NO_ADDRESS = 'http://127.0.0.1:1';

export interface RedisPlace {
  readonly kind: 'redis';
  readonly registry: Registry;
  readonly redis: RedisConnection;
  readonly candidate: StandingCandidate;
  readonly logger: Logger;
}

export interface DirectoryPlace {
  readonly kind: 'directory';
  readonly registry: Registry;
  readonly data: DataDir;
}

/** Where versions' artifacts and plans are. */
export interface Contents {
  readonly artifacts: ArtifactStore;
  readonly plans: PlanStore;
  readonly fetcher: PlanFetcher;
  readonly stores: readonly ContentStore[];
}

export interface SharedContents extends Contents {
  readonly objects: ObjectStore;
  readonly plans: ObjectPlans;
  readonly records: RecordObjects;
}

/** What `--registry` names: a Redis, or the data directory of a `shoal up` that is stopped. */
export async function openPlace(
  options: SharedStoreOptions,
  stack: AsyncDisposableStack,
): Promise<RedisPlace | DirectoryPlace> {
  const where = required(options.registry, '--registry', 'SHOAL_REGISTRY');
  if (isRedisUrl(where)) return openRedisPlace(options, stack);
  const data = await openDirectory(where, stack);
  const registry = await openSqliteRegistry(data.registryFile);
  stack.defer(() => registry.close());
  return { kind: 'directory', registry, data };
}

/** It may be read at once, and changed when `takeLead` has resolved. */
export function openRedisPlace(options: SharedStoreOptions, stack: AsyncDisposableStack): RedisPlace {
  const limits = DEFAULT_LIMITS;
  const logger = createLogger('registry', 'error');
  const redis = connectRedis(redisSettingsOf(options), limits);
  stack.defer(() => redis.close());
  const now = (): number => performance.now();
  const id = `command-${randomBytes(4).toString('hex')}`;
  const candidate = redisCandidate({ redis, limits, logger, now, random: Math.random }, id);
  stack.defer(() => candidate.close());
  const fence = () => candidate.fence();
  const registry = openRedisRegistry({ redis, limits, fence, onWentBack: () => undefined });
  stack.defer(() => registry.close());
  return { kind: 'redis', redis, registry, candidate, logger };
}

/** `instead`: what to do when a manager leads. */
export async function takeLead(
  { candidate, registry, redis }: RedisPlace,
  { objects }: SharedContents,
  instead: string,
): Promise<void> {
  // Says at once, and in words, when Redis isn't there.
  await registry.position();
  const installation = new Installation(redis, objects);
  await installation.check();
  candidate.stand(NO_ADDRESS);
  const untilMs = performance.now() + DEFAULT_LIMITS.leaderLeaseMs * LEASES;
  while (candidate.fence() === undefined) {
    if (performance.now() > untilMs) {
      const leader = candidate.current();
      if (leader === undefined) throw new CliError('nobody could take the lead', EXIT.unreachable);
      throw new CliError(
        `manager ${leader.id} (${leader.address}) leads and alone changes the registry; ${instead}`,
      );
    }
    await sleep(LOOK_MS);
  }
  await installation.claim();
}

export async function openSharedContents(
  options: SharedStoreOptions,
  stack: AsyncDisposableStack,
): Promise<SharedContents> {
  const s3 = s3SettingsOf(options);
  const calls = new S3Calls(s3, DEFAULT_LIMITS);
  stack.defer(() => calls.close());
  const objects = new S3Objects(calls, s3.bucket, s3.prefix);
  const artifacts = await openS3Artifacts(objects, DEFAULT_LIMITS);
  const plans = openS3Plans(objects);
  stack.defer(() => plans.close());
  return {
    objects,
    artifacts,
    plans,
    fetcher: openPlanFetcher(objects),
    records: new RecordObjects(objects, DEFAULT_LIMITS),
    stores: [
      ...contentStores(artifacts, plans),
      {
        kind: 'structure',
        list: () => plans.listStructures(),
        delete: (digest, unusedMs) => plans.deleteStructure(digest, unusedMs),
      },
    ],
  };
}

export async function openDirectoryContents(data: DataDir, stack: AsyncDisposableStack): Promise<Contents> {
  const artifacts = await openDirectoryArtifacts(data.artifactsDir);
  const plans = await openSqlitePlans(data.plansFile, DEFAULT_LIMITS.registryQueueCalls);
  stack.defer(() => plans.close());
  const reader = openPlanReader(data.plansFile);
  stack.defer(() => reader.close());
  const fetcher: PlanFetcher = {
    fetch: (digest) => Promise.resolve(reader.read(digest)),
    fetchStructure: (digest) => Promise.resolve(reader.readStructure(digest)),
  };
  return { artifacts, plans, fetcher, stores: contentStores(artifacts, plans) };
}

export async function openDirectory(where: string, stack: AsyncDisposableStack): Promise<DataDir> {
  if (!existsSync(join(where, 'registry.db'))) {
    const message = `${where} is neither a redis:// URL nor the data directory of a shoal up: it has no registry.db`;
    throw new CliError(message, EXIT.usage);
  }
  const data = await openDataDir(where);
  stack.defer(() => data.release());
  return data;
}

function contentStores(artifacts: ArtifactStore, plans: PlanStore): ContentStore[] {
  return [
    {
      kind: 'artifact',
      list: () => artifacts.list(),
      delete: (digest, unusedMs) => artifacts.delete(digest, unusedMs),
    },
    { kind: 'plan', list: () => plans.list(), delete: (digest, unusedMs) => plans.delete(digest, unusedMs) },
  ];
}
