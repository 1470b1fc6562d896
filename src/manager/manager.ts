import type { FastifyPluginAsync } from 'fastify';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Logger } from 'pino';
import type { Registry as MetricsRegistry } from 'prom-client';
import type { Limits } from '../core/limits.ts';
import type { ArtifactStore } from '../stores/artifacts/artifacts.ts';
import type { ObjectStore } from '../stores/objects/objects.ts';
import type { PlanStore } from '../stores/plans/plans.ts';
import { COMMIT_CHANNEL, type Registry } from '../stores/registry/registry.ts';
import { createAdmissionPool } from './admission-pool.ts';
import { Admissions } from './admissions.ts';
import { sweepArtifacts } from './artifact-sweep.ts';
import { Gate } from './gate.ts';
import { createManagerMetrics } from './metrics.ts';
import { type Prefetch, Registrar } from './register.ts';
import { managerRoutes } from './server.ts';
import { Strikes } from './strikes.ts';
import { Versions, type Warm } from './versions.ts';

export interface ManagerDeps {
  readonly registry: Registry;
  readonly artifacts: ArtifactStore;
  readonly plans: PlanStore;
  readonly warm: Warm;
  /** Absent: a version is loaded when it is first asked for. */
  readonly prefetch?: Prefetch;
  readonly limits: Limits;
  /** Resolves when the router beside this manager knows the revision, or soon after if it doesn't. */
  readonly published: (revision: number) => Promise<void>;
  /** What one model may take in a worker, as of now; a larger one is refused. */
  readonly maxResidentBytes: () => number;
  /** Folders that file:// uris may name, and places that s3:// uris may. */
  readonly allowRoots: readonly string[];
  /** The buckets that s3:// uris are read from; absent: there are none. */
  readonly buckets?: (bucket: string) => ObjectStore;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  /** Admission processes at most; the cores of this machine by default. */
  readonly admissionProcesses?: number;
}

export interface Manager {
  readonly routes: FastifyPluginAsync;
  readonly strikes: Strikes;
  /** Deletes what no version has, in the background; for the one manager that leads, and until it has lost the lead. */
  sweep(lost?: AbortSignal): void;
  /** Ends the admission processes; the stores are the caller's. */
  close(): Promise<void>;
}

/** The manager's role in one process: its parts, put together. */
export function createManager(deps: ManagerDeps): Manager {
  const { registry, artifacts, plans, warm, limits, published, allowRoots, logger } = deps;
  const metrics = createManagerMetrics(deps.metrics);
  const pool = createAdmissionPool({
    limits,
    metrics,
    logger,
    ...(deps.admissionProcesses === undefined ? {} : { processes: deps.admissionProcesses }),
  });
  const versions = new Versions({ registry, warm, logger, metrics });
  const admissions = new Admissions({
    pool,
    artifacts,
    plans,
    metrics,
    logger,
    limits,
    maxResidentBytes: deps.maxResidentBytes,
  });
  const registrar = new Registrar({
    registry,
    admissions,
    versions,
    metrics,
    limits,
    prefetch: deps.prefetch,
  });
  const strikes = new Strikes({ registry, published, logger, metrics });
  const sources = {
    artifacts,
    allowRoots,
    maxBytes: limits.artifactBytes,
    ...(deps.buckets === undefined ? {} : { buckets: deps.buckets }),
  };
  const bulkGate = new Gate(limits.bulkInFlight, limits.bulkInFlightBytes);
  const onCommit = (message: unknown): void =>
    metrics.commitRegistrations.observe((message as { registrations: number }).registrations);
  subscribe(COMMIT_CHANNEL, onCommit);
  const stop = new AbortController();
  let sweeping: Promise<void> | undefined;
  const sweep = (signal: AbortSignal): Promise<void> =>
    sweepArtifacts({ registry, artifacts, plans, now: Date.now, signal }).then(
      (deleted) => logger.info({ deleted }, 'artifacts and plans that no version has were deleted'),
      (error: unknown) => logger.warn({ err: error }, 'the artifacts that no version has could not be swept'),
    );
  return {
    routes: managerRoutes({ registry, registrar, versions, sources, bulkGate, limits, published, logger }),
    strikes,
    sweep(lost) {
      const signal = lost === undefined ? stop.signal : AbortSignal.any([stop.signal, lost]);
      sweeping ??= sweep(signal).finally(() => {
        sweeping = undefined;
      });
    },
    async close() {
      strikes.close();
      unsubscribe(COMMIT_CHANNEL, onCommit);
      stop.abort();
      await Promise.all([pool.close(), sweeping]);
    },
  };
}
