import type { Logger } from 'pino';
import { openDirectoryArtifacts } from '../stores/artifacts/directory.ts';
import { readS3Artifact } from '../stores/artifacts/s3.ts';
import { openPlanReader } from '../stores/plans/plan-reader.ts';
import type { PlanReader } from '../stores/plans/plans.ts';
import { openPlanFetcher } from '../stores/plans/s3-plans.ts';
import type { S3Settings, WorkerStores } from '../wire/store-settings.ts';
import type { WorkerProcessConfig } from '../wire/worker-process.ts';
import { ArtifactCache } from './artifact-cache.ts';
import type { ArtifactSource } from './artifact-source.ts';
import { Fetches } from './fetch/fetches.ts';
import { ModelFetcher } from './fetch/model-fetcher.ts';
import { Unkept } from './fetch/unkept.ts';
import type { WorkerMetrics } from './metrics.ts';
import { cachedPlans, PlanCache } from './plans/plan-cache.ts';

/** What of the disk cache is for plans: they are small. */
const PLANS_SHARE = 0.25;

export interface SourcesDeps {
  readonly config: WorkerProcessConfig;
  readonly metrics: WorkerMetrics;
  readonly logger: Logger;
  readonly clock: () => number;
}

/** Where a worker's models come from. */
export interface Sources {
  readonly artifacts: ArtifactSource;
  readonly reader: PlanReader;
  /** Absent: nothing has to be fetched. */
  readonly fetches?: Fetches;
  close(): void;
}

export function openSources(deps: SourcesDeps): Promise<Sources> {
  const { stores } = deps.config;
  return stores.kind === 'directory' ? openLocal(deps, stores) : openS3(deps, stores.s3);
}

/** A disk cache, where one is wanted, stands in front of stores that may be on a slower disk. */
async function openLocal(
  deps: SourcesDeps,
  { artifactsDir, plansFile }: Extract<WorkerStores, { kind: 'directory' }>,
): Promise<Sources> {
  const store = await openDirectoryArtifacts(artifactsDir);
  const plans = openPlanReader(plansFile);
  const artifactCache = await openArtifactCache(deps, store);
  const planCache = await openPlanCache(deps);
  const reader = planCache === undefined ? plans : cachedPlans(planCache, plans);
  return { artifacts: artifactCache ?? store, reader, close: () => reader.close() };
}

async function openS3(deps: SourcesDeps, s3: S3Settings): Promise<Sources> {
  const { config, metrics, logger, clock } = deps;
  const { limits, cacheDir, cacheBytes } = config;
  if (cacheDir === undefined || cacheBytes === undefined)
    throw new Error('a worker on S3 needs a directory for its disk cache, and a bound for it');
  // The AWS SDK takes memory, which workers of embedded stores do without.
  const { S3Calls } = await import('../stores/objects/s3-calls.ts');
  const { S3Objects } = await import('../stores/objects/s3-objects.ts');
  const calls = new S3Calls(s3, limits);
  const objects = new S3Objects(calls, s3.bucket, s3.prefix);
  const artifacts: ArtifactSource = { read: (digest) => readS3Artifact(objects, digest) };
  const planCache = await openPlanCache(deps);
  const fetcher = new ModelFetcher({
    planCache,
    artifactCache: await openArtifactCache(deps, artifacts),
    unkept: { plans: new Unkept(limits.workerUnkeptBytes), artifacts: new Unkept(limits.workerUnkeptBytes) },
    plans: openPlanFetcher(objects),
    artifacts,
  });
  const fetches = new Fetches({
    fetcher,
    limits,
    metrics,
    clock,
    onCorrupt: (error) => logger.error({ err: error }, 'the object store has a corrupt object'),
    onAway: (error) =>
      logger.warn({ err: error }, 'the object store fails; what is on this machine is served all the same'),
    onBack: () => logger.info('the object store answers again'),
  });
  return {
    artifacts: fetcher.artifactSource,
    reader: fetcher.planReader,
    fetches,
    close() {
      planCache?.close();
      calls.close();
    },
  };
}

/** Undefined: none is wanted, or the disk can't be used. */
async function openPlanCache({ config, metrics, logger }: SourcesDeps): Promise<PlanCache | undefined> {
  if (config.cacheDir === undefined) return undefined;
  const maxBytes = PLANS_SHARE * (config.cacheBytes ?? Number.POSITIVE_INFINITY);
  try {
    return await PlanCache.open(config.cacheDir, maxBytes, {
      corrupt(digest) {
        metrics.cacheCorrupt.inc();
        logger.warn({ digest }, 'cached plan is corrupt; fetching it again');
      },
      failed(error) {
        metrics.cacheFailures.inc();
        logger.warn({ err: error }, 'the cache of plans failed; the store is asked');
      },
    });
  } catch (error) {
    return withoutCache(error, { metrics, logger });
  }
}

/** Undefined: none is wanted, or the disk can't be used. */
async function openArtifactCache(
  { config, metrics, logger }: SourcesDeps,
  source: ArtifactSource,
): Promise<ArtifactCache | undefined> {
  if (config.cacheDir === undefined) return undefined;
  const maxBytes = (1 - PLANS_SHARE) * (config.cacheBytes ?? Number.POSITIVE_INFINITY);
  const failed =
    (message: string) =>
    (digest: string, error: unknown): void => {
      metrics.cacheFailures.inc();
      logger.warn({ digest, err: error }, message);
    };
  try {
    return await ArtifactCache.open(config.cacheDir, maxBytes, source, {
      corrupt(digest) {
        metrics.cacheCorrupt.inc();
        logger.warn({ digest }, 'cached artifact is corrupt; fetching it again');
      },
      readFailed: failed('cached artifact can not be read; the store is asked'),
      writeFailed: failed('artifact not kept in the cache'),
    });
  } catch (error) {
    return withoutCache(error, { metrics, logger });
  }
}

function withoutCache(
  error: unknown,
  { metrics, logger }: Pick<SourcesDeps, 'metrics' | 'logger'>,
): undefined {
  metrics.cacheFailures.inc();
  logger.error({ err: error }, 'the disk cache can not be used; the worker goes on without it');
  return undefined;
}
