import type { Logger } from 'pino';
import { Gauge, Registry } from 'prom-client';
import type { WorkerState } from '../wire/control.ts';
import type { WorkerProcessConfig } from '../wire/worker-process.ts';
import { ArtifactCache } from './artifact-cache.ts';
import type { ArtifactSource } from './artifact-source.ts';
import { Host } from './host.ts';
import { Lanes } from './lanes.ts';
import { makeWorkerMetrics, type WorkerMetrics } from './metrics.ts';
import { Residency } from './residency.ts';
import { WorkerServer } from './server.ts';

export interface WorkerOptions {
  readonly config: WorkerProcessConfig;
  /** The artifact store; the cache, when configured, stands in front of it. */
  readonly store: ArtifactSource;
  readonly logger: Logger;
  readonly clock: () => number;
  /** A lane's thread died and its sessions with it: this process should end, to be started anew. */
  readonly onLost: (error: Error) => void;
}

export interface Worker {
  /** `http://host:port` */
  readonly address: string;
  /** Drains, then closes; false when requests were still running after `limits.drainMs`: lanes are left then. */
  stop(): Promise<boolean>;
}

/** Puts a worker together and starts it: lanes first, so that whoever is told the address finds it ready. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { config, logger, clock, onLost } = options;
  const { limits, budgetBytes } = config;
  const registry = new Registry();
  const metrics = makeWorkerMetrics(registry);
  const lanes = new Lanes({ count: config.lanes, clock, metrics, limits, onLost });
  const artifacts = await artifactSource(options, metrics);
  const residency = new Residency({
    budgetBytes,
    memoryWaitMs: limits.memoryWaitMs,
    concurrentLoads: limits.workerLoads,
    lanes,
    artifacts,
    metrics,
    clock,
  });
  const onBug = (message: string): void =>
    logger.error({ bug: message }, 'a request failed in an unforeseen way');
  const host = new Host({ limits, lanes, residency, metrics, clock, onBug });
  registry.registerMetric(
    new Gauge({
      name: 'shoal_worker_queued_requests',
      help: 'Requests in the worker: loading, waiting or running',
      registers: [],
      collect() {
        this.set(host.requests);
      },
    }),
  );
  const state = (model: string | undefined): WorkerState => ({
    id: config.id,
    zone: config.zone,
    pid: process.pid,
    lanes: lanes.count,
    budgetBytes,
    residentBytes: residency.usedBytes,
    residentModels: residency.residentModels,
    queuedRequests: host.requests,
    queueDelayUs: Math.round(host.queueDelayUs()),
    rssBytes: process.memoryUsage.rss(),
    state: host.draining ? 'draining' : 'ready',
    ...(model === undefined ? {} : { keys: residency.residentKeys(`${model}/`) }),
  });
  const server = new WorkerServer({ host, limits, token: config.token, registry, logger, state });
  await lanes.ready();
  const address = await server.listen(config.host, config.port);
  return {
    address,
    async stop() {
      const drained = await host.drain();
      await server.close();
      if (drained) await lanes.close();
      else logger.warn({ requests: host.requests }, 'stopped with requests still running');
      return drained;
    },
  };
}

async function artifactSource(options: WorkerOptions, metrics: WorkerMetrics): Promise<ArtifactSource> {
  const { config, store, logger } = options;
  if (config.cacheDir === undefined) return store;
  const maxBytes = config.cacheBytes ?? Number.POSITIVE_INFINITY;
  return ArtifactCache.open(config.cacheDir, maxBytes, store, {
    corrupt(digest) {
      metrics.cacheCorrupt.inc();
      logger.warn({ digest }, 'cached artifact is corrupt; fetching it again');
    },
    readFailed(digest, error) {
      logger.warn({ digest, err: error }, 'cached artifact can not be read; the store is asked');
    },
    writeFailed(digest, error) {
      logger.warn({ digest, err: error }, 'artifact not kept in the cache');
    },
  });
}
