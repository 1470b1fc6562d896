import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

/** A worker's own numbers. No label for a tenant or model: there are hundreds of thousands of them. */
const SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
const PLAN_SECONDS = [0.00001, 0.000025, 0.00005, ...SECONDS.slice(0, 10)];
const BATCH_SIZES = [1, 2, 4, 8, 16, 32, 64];

export interface WorkerMetrics {
  readonly queueSeconds: Histogram;
  readonly loadSeconds: Histogram;
  readonly runSeconds: Histogram;
  readonly laneBatchRuns: Histogram;
  readonly planLoadSeconds: Histogram;
  /** where: inline (on the main thread), lane. */
  readonly planRuns: Counter<'where'>;
  readonly loads: Counter;
  readonly loadFailures: Counter;
  /** reason: room, excess, idle (wire/control.ts). */
  readonly evictions: Counter<'reason'>;
  /**
   * reason: line (its turn would come after the deadline), memory (no room in time), size (more than the budget),
   * store (the object store did not give it in time).
   */
  readonly loadsRefused: Counter<'reason'>;
  readonly expired: Counter;
  readonly cancelled: Counter;
  readonly refused: Counter;
  readonly cacheCorrupt: Counter;
  /** What could not be read from or written to the disk cache. */
  readonly cacheFailures: Counter;
  readonly fetchSeconds: Histogram;
  /** outcome: plan, artifact, missing, corrupt, failed. */
  readonly fetches: Counter<'outcome'>;
  readonly budgetBytes: Gauge;
}

export function makeWorkerMetrics(registry: Registry): WorkerMetrics {
  const registers = [registry];
  const fetches = new Counter({
    name: 'shoal_worker_fetches_total',
    help: 'Models asked from the object store, by what came of it: plan, artifact, missing, corrupt, failed',
    labelNames: ['outcome'] as const,
    registers,
  });
  // A counter that begins with its first event hides that one from alerts.
  for (const outcome of ['missing', 'corrupt', 'failed']) fetches.inc({ outcome }, 0);
  const histogram = (name: string, help: string, buckets: number[]): Histogram =>
    new Histogram({ name: `shoal_worker_${name}`, help, buckets, registers });
  const counter = (name: string, help: string): Counter =>
    new Counter({ name: `shoal_worker_${name}_total`, help, registers });
  const gauge = (name: string, help: string): Gauge =>
    new Gauge({ name: `shoal_worker_${name}`, help, registers });
  return {
    queueSeconds: histogram('queue_seconds', 'Wait of a request for its lane, loads not counted', SECONDS),
    loadSeconds: histogram(
      'load_seconds',
      'Cold loads of sessions: fetched and made, waiting for memory included',
      SECONDS,
    ),
    runSeconds: histogram('run_seconds', 'Runs in a lane', SECONDS),
    laneBatchRuns: histogram('lane_batch_runs', 'Runs in one message to a lane', BATCH_SIZES),
    planLoadSeconds: histogram(
      'plan_load_seconds',
      'Cold loads of plans: read, checked, copied',
      PLAN_SECONDS,
    ),
    planRuns: new Counter({
      name: 'shoal_worker_plan_runs_total',
      help: 'Runs of plans, on the main thread or in a lane',
      labelNames: ['where'],
      registers,
    }),
    loads: counter('loads', 'Models loaded'),
    loadFailures: counter('load_failures', 'Loads that failed'),
    evictions: new Counter({
      name: 'shoal_worker_evictions_total',
      help: 'Models released, by reason: room (for another), excess (the process grew beyond its promise), idle',
      labelNames: ['reason'],
      registers,
    }),
    loadsRefused: new Counter({
      name: 'shoal_worker_loads_refused_total',
      help: 'Cold models that were not loaded: no turn in line before the deadline, no memory in time, too large, not fetched in time',
      labelNames: ['reason'],
      registers,
    }),
    expired: counter('expired', 'Requests dropped unrun, their deadline gone'),
    cancelled: counter('cancelled', 'Requests dropped unrun, their caller gone'),
    refused: counter('refused', 'Requests refused because the queue was full'),
    cacheCorrupt: counter('cache_corrupt', 'Files of the disk cache that did not match their digest'),
    cacheFailures: counter('cache_failures', 'Reads and writes of the disk cache that failed'),
    fetchSeconds: histogram('fetch_seconds', 'Fetches of models from the object store', SECONDS),
    fetches,
    budgetBytes: gauge('budget_bytes', 'What resident bytes may come to'),
  };
}
