import type { Logger } from 'pino';
import { Registry } from 'prom-client';
import { openNativeHeap, openPageReturn } from '../runtime/native-heap.ts';
import type { WorkerState } from '../wire/control.ts';
import type { CrashJournal, SelfKillCause } from '../wire/crash-journal.ts';
import type { ModelKey } from '../wire/model-key.ts';
import type { WorkerProcessConfig } from '../wire/worker-process.ts';
import { gauge } from './gauge.ts';
import { Host } from './host.ts';
import { HeldModels } from './lane/held.ts';
import { ProvenVersions } from './lane/proven.ts';
import { Suspects } from './lane/suspects.ts';
import { Lanes } from './lanes.ts';
import { SYSTEM_READINGS, WorkerMemory } from './memory.ts';
import { makeWorkerMetrics } from './metrics.ts';
import { Models } from './models.ts';
import { PAGE_BYTES } from './plans/pages.ts';
import { WorkerServer } from './server.ts';
import { openSources } from './sources.ts';
import { workerState } from './worker-state.ts';

export interface WorkerOptions {
  readonly config: WorkerProcessConfig;
  readonly logger: Logger;
  readonly clock: () => number;
  /** Its slots: `laneThreads(config)`. */
  readonly journal: CrashJournal;
  /** A lane's thread died or hangs, its sessions with it: this process should end, to be started anew. */
  readonly onLost: (error: Error, cause: SelfKillCause, lane?: number) => void;
}

export interface Worker {
  /** `http://host:port` */
  readonly address: string;
  /** Other versions are suspects from now on (wire/worker-process.ts). */
  setSuspects(keys: readonly ModelKey[]): void;
  /** Drains, then closes; false when requests were still running after `limits.drainMs`: lanes are left then. */
  stop(): Promise<boolean>;
}

/** Puts a worker together and starts it: lanes first, so that whoever is told the address finds it ready. */
export async function startWorker(options: WorkerOptions): Promise<Worker> {
  const { config, logger, clock, journal, onLost } = options;
  const { limits, budgetBytes } = config;
  const registry = new Registry();
  const metrics = makeWorkerMetrics(registry);
  const sources = await openSources({ config, metrics, logger, clock });
  const held = new HeldModels();
  const suspects = new Suspects(config.suspects);
  const proven = new ProvenVersions(limits.provenVersions);
  const lanes = new Lanes({
    ...laneCounts(config),
    clock,
    metrics,
    limits,
    held,
    suspects,
    proven,
    journalFd: journal.fd,
    onLost,
  });
  const models = new Models({
    budgetBytes,
    limits,
    lanes,
    ...sources,
    pageReturn: await openPageReturn(PAGE_BYTES, (reason) =>
      logger.info({ reason }, 'memory of evicted plans stays with the process'),
    ),
    registry,
    metrics,
    clock,
    idleTtlMs: config.idleTtlMs,
    excessBytes: () => memory.excessBytes(),
    suspects,
    parallelLoads: laneCounts(config),
    onFreed: () => host.onFreed(),
    onEvicted: (key, reason, displacer) => logger.debug({ key, reason, for: displacer }, 'model evicted'),
  });
  models.startSweeps();
  const memory = await watchMemory(options, registry, () => models.usedBytes);
  const onBug = (message: string): void =>
    logger.error({ bug: message }, 'a request failed in an unforeseen way');
  const { residency, plans } = models;
  const host = new Host({ limits, lanes, residency, plans: plans.desk, metrics, clock, onBug });
  gauge(
    registry,
    'queued_requests',
    'Requests in the worker: loading, waiting or running',
    () => host.requests,
  );
  const state = (model: string | undefined): WorkerState =>
    workerState({ config, host, models, clock }, model);
  const server = new WorkerServer({ host, held, limits, token: config.token, registry, logger, state });
  await lanes.ready();
  memory.start();
  const address = await server.listen(config.host, config.port);
  return {
    address,
    setSuspects: (keys) => suspects.replace(keys),
    async stop() {
      const drained = await host.drain();
      memory.stop();
      await server.close();
      sources.close();
      if (drained) await lanes.close();
      else logger.warn({ requests: host.requests }, 'stopped with requests still running');
      return drained;
    },
  };
}

async function watchMemory(
  { config, logger, onLost }: WorkerOptions,
  registry: Registry,
  countedBytes: () => number,
): Promise<WorkerMemory> {
  const { budgetBytes, limits } = config;
  const heap = await openNativeHeap((reason) =>
    logger.info({ reason }, 'memory of evicted models is given back as the allocator likes'),
  );
  const onOver = (rssBytes: number, cause: SelfKillCause): void => {
    const message = `the process has grown to ${rssBytes} bytes, with a budget of ${budgetBytes} bytes (limits workerOverheadBytes ${limits.workerOverheadBytes}, workerOverrunBytes ${limits.workerOverrunBytes}, machineReserveBytes ${limits.machineReserveBytes})`;
    onLost(new Error(message), cause);
  };
  return new WorkerMemory({
    budgetBytes,
    limits,
    countedBytes,
    heap,
    readings: SYSTEM_READINGS,
    registry,
    onOver,
    onTrimFailed: (error) => logger.warn({ err: error }, 'free memory was not given back'),
  });
}

/** Half as many lanes again for the models that load slowly: they wait for each other, and the cores are shared. */
function laneCounts({ lanes }: WorkerProcessConfig): { light: number; heavy: number } {
  return { light: lanes, heavy: Math.ceil(lanes / 2) };
}

/** How many lane threads a worker of this configuration has: each costs about 25 MB. */
export function laneThreads(config: WorkerProcessConfig): number {
  const { light, heavy } = laneCounts(config);
  return light + heavy;
}
