import { randomBytes } from 'node:crypto';
import type { FastifyInstance } from 'fastify';
import { collectDefaultMetrics, Registry as MetricsRegistry } from 'prom-client';
import type { Logger } from 'pino';
import type { Blame } from '../core/crash-blame.ts';
import type { Limits } from '../core/limits.ts';
import { addOperations } from '../http/operations.ts';
import { createHttpServer } from '../http/server.ts';
import { createManager } from '../manager/manager.ts';
import { createRouter } from '../router/router.ts';
import { openDirectoryArtifacts } from '../stores/artifacts/directory.ts';
import { createMemoryMembers } from '../stores/members/memory.ts';
import { openSqlitePlans } from '../stores/plans/sqlite-plans.ts';
import { openSqliteRegistry } from '../stores/registry/sqlite.ts';
import { scrapeFleet } from '../telemetry/fleet-metrics.ts';
import type { LogLevel } from '../telemetry/logger.ts';
import type { DataDir } from './data-dir.ts';
import { CliError, EXIT } from './exit.ts';
import { PRODUCT_VERSION } from './product-version.ts';
import { WorkerFleet, type WorkerTemplate } from './worker-fleet.ts';

export interface CompositionSettings {
  readonly host: string;
  readonly port: number;
  readonly data: DataDir;
  readonly workers: number;
  readonly lanes: number;
  readonly budgetBytes: number;
  /** A directory for the workers' copies of artifacts; none: they read the store itself. */
  readonly cache?: string;
  /** Of each worker. */
  readonly cacheBytes: number;
  readonly allowRoots: readonly string[];
  /** Versions are loaded as they become stable, where there is memory to spare. */
  readonly prefetch: boolean;
  /** A resident model that nobody asked for since is released; absent: only when its room is needed. */
  readonly idleTtlMs?: number;
  readonly limits: Limits;
  readonly logger: Logger;
  readonly logLevel: LogLevel;
  readonly logRequests: boolean;
}

export interface Composition {
  readonly origin: string;
  /** Nothing was registered when it started. */
  readonly isEmpty: boolean;
  hasModel(tenant: string, model: string): Promise<boolean>;
  /** Refuses new requests, lets running ones end, then ends manager, router, workers and stores. */
  stop(): Promise<void>;
}

/** The only place that constructs stores and roles: all of them in and beside this process, on embedded stores. */
export async function compose(settings: CompositionSettings): Promise<Composition> {
  const { limits, logger } = settings;
  await using stack = new AsyncDisposableStack();
  const metrics = new MetricsRegistry();
  collectDefaultMetrics({ register: metrics });
  const { registry, artifacts, plans } = await openStores(settings, stack);
  const members = createMemoryMembers();
  // Workers listen on TCP where any local process can reach them; only who knows this token is served.
  const token = randomBytes(32).toString('base64url');
  const now = (): number => performance.now();
  const strike = (crash: string, blamed: readonly Blame[]) => manager.strikes.crashed(crash, blamed);
  const told = { members, deaths: members, logger, strike, now };
  const fleet = new WorkerFleet(workerTemplate(settings, token), told);
  stack.defer(() => fleet.stop());
  const router = createRouter({
    registry,
    members,
    token,
    limits,
    logger,
    metrics,
    productVersion: PRODUCT_VERSION,
    now,
    random: Math.random,
  });
  stack.defer(() => router.stop());
  const manager = createManager({
    registry,
    artifacts,
    plans,
    warm: router.warm,
    ...(settings.prefetch ? { prefetch: router.prefetch } : {}),
    published: (revision) => router.reached(revision),
    maxResidentBytes: () => settings.budgetBytes,
    limits,
    allowRoots: settings.allowRoots,
    logger,
    metrics,
  });
  stack.defer(() => manager.close());
  manager.sweep();
  const state = { stopping: false };
  const app = createHttpServer({
    limits,
    logger,
    metrics,
    logRequests: settings.logRequests,
    stopping: () => state.stopping,
  });
  const scrape = (): Promise<string> => scrapeFleet(metrics, members.list(), token);
  await addOperations(app, { productVersion: PRODUCT_VERSION, notReady: () => router.notReady(), scrape });
  await app.register(router.routes);
  await app.register(manager.routes);
  stack.defer(() => closeApp(app, limits.drainMs));
  const isEmpty = (await registry.position())?.revision === 0;
  await Promise.all([fleet.start(workerIds(settings.workers)), router.ready]);
  const origin = await listen(app, settings);
  const running = stack.move();
  return {
    origin,
    isEmpty,
    hasModel: async (tenant, model) => (await registry.model(tenant, model)) !== undefined,
    stop: () => {
      state.stopping = true;
      return running.disposeAsync();
    },
  };
}

/** All there before any worker looks for them. */
async function openStores({ data, limits }: CompositionSettings, stack: AsyncDisposableStack) {
  const registry = await openSqliteRegistry(data.registryFile, limits);
  stack.defer(() => registry.close());
  const artifacts = await openDirectoryArtifacts(data.artifactsDir);
  const plans = await openSqlitePlans(data.plansFile, limits.registryQueueCalls);
  stack.defer(() => plans.close());
  return { registry, artifacts, plans };
}

function workerIds(count: number): string[] {
  return Array.from({ length: count }, (_, index) => `worker-${index}`);
}

function workerTemplate(settings: CompositionSettings, token: string): WorkerTemplate {
  const { lanes, budgetBytes, logLevel, data, cache, cacheBytes, idleTtlMs } = settings;
  // Its routers are in this process and know at once.
  const limits = { ...settings.limits, leaveMs: 0 };
  const place = { zone: 'local', weight: 1, host: '127.0.0.1', port: 0 };
  const ttl = idleTtlMs === undefined ? {} : { idleTtlMs };
  const { artifactsDir, plansFile, journalDir } = data;
  const stores = { kind: 'directory', artifactsDir, plansFile } as const;
  const caching = cache === undefined ? {} : { cacheDir: cache, cacheBytes };
  return { ...place, stores, ...caching, ...ttl, journalDir, token, lanes, budgetBytes, limits, logLevel };
}

async function listen(app: FastifyInstance, { host, port }: CompositionSettings): Promise<string> {
  try {
    return await app.listen({ host, port });
  } catch (error) {
    throw new CliError(`can't listen on ${host}:${port}: ${(error as Error).message}`, EXIT.refused, error);
  }
}

/** Running requests get `drainMs`; after that their connections are cut. */
async function closeApp(app: FastifyInstance, drainMs: number): Promise<void> {
  const cut = setTimeout(() => app.server.closeAllConnections(), drainMs);
  await app.close();
  clearTimeout(cut);
}
