import { randomBytes } from 'node:crypto';
import { collectDefaultMetrics, Registry as MetricsRegistry } from 'prom-client';
import type { Blame } from '../../core/crash-blame.ts';
import { createManager } from '../../manager/manager.ts';
import { createRouter } from '../../router/router.ts';
import { openDirectoryArtifacts } from '../../stores/artifacts/directory.ts';
import { createMemoryMembers } from '../../stores/members/memory.ts';
import { openSqlitePlans } from '../../stores/plans/sqlite-plans.ts';
import { openSqliteRegistry } from '../../stores/registry/sqlite.ts';
import { scrapeFleet } from '../../telemetry/fleet-metrics.ts';
import type { LogLevel } from '../../telemetry/logger.ts';
import type { DataDir } from '../data-dir.ts';
import { PRODUCT_VERSION } from '../product-version.ts';
import { WorkerFleet, type WorkerTemplate } from '../worker-fleet.ts';
import { type Running, Serving, type ServingSettings } from './serving.ts';

export interface EmbeddedSettings extends ServingSettings {
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
  readonly logLevel: LogLevel;
}

/** All roles in one place. */
export interface RunningMachine extends Running {
  /** Nothing is registered, and it is this process that may change that; resolves when that is known. */
  mayOfferSamples(): Promise<boolean>;
  hasModel(tenant: string, model: string): Promise<boolean>;
}

/** `shoal up`: all roles in and beside this process, on embedded stores. */
export async function composeEmbedded(settings: EmbeddedSettings): Promise<RunningMachine> {
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
  const told = { members, deaths: members, logger, metrics, strike, now };
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
  const serving = await Serving.open(settings, {
    metrics,
    routes: [router.routes, manager.routes],
    notReady: () => router.notReady(),
    scrape: () => scrapeFleet(metrics, members.list(), token),
  });
  stack.defer(() => serving.close());
  const isEmpty = (await registry.position())?.revision === 0;
  await Promise.all([fleet.start(workerIds('worker', settings.workers)), router.ready]);
  const origin = await serving.listen();
  const running = stack.move();
  return {
    origin,
    mayOfferSamples: () => Promise.resolve(isEmpty),
    hasModel: async (tenant, model) => (await registry.model(tenant, model)) !== undefined,
    // Nobody else spreads requests over it, so that nobody has to be told first.
    stop: () => running.disposeAsync(),
  };
}

/** The same after every restart: models keep their place. */
export function workerIds(name: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => `${name}-${index}`);
}

/** All there before any worker looks for them. */
async function openStores({ data, limits }: EmbeddedSettings, stack: AsyncDisposableStack) {
  const registry = await openSqliteRegistry(data.registryFile, limits);
  stack.defer(() => registry.close());
  const artifacts = await openDirectoryArtifacts(data.artifactsDir);
  const plans = await openSqlitePlans(data.plansFile, limits.registryQueueCalls);
  stack.defer(() => plans.close());
  return { registry, artifacts, plans };
}

function workerTemplate(settings: EmbeddedSettings, token: string): WorkerTemplate {
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
