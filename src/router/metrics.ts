import { Counter, Gauge, Histogram, type Registry } from 'prom-client';

const SECONDS = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10,
];

export type RetryReason =
  | 'not_sent'
  | 'lost'
  | 'silent'
  | 'shutting_down'
  | 'overloaded'
  | 'store_unavailable';

/** Of a process that loads versions ahead of their first request, router or not. */
export function prefetchCounter(registers: Registry[]) {
  return new Counter({
    name: 'shoal_router_prefetches_total',
    help: 'Versions loaded as they became stable, by what became of it: loaded, no_room, failed, dropped.',
    labelNames: ['outcome'] as const,
    registers,
  });
}

/** What the gauges read when they are scraped. */
export interface RouterGauges {
  tableAgeMs(): number;
  tableModels(): number;
  tableRevision(): number;
  inFlight(): number;
  knownWorkers(): number;
  connectedWorkers(): number;
  /** Connected, but they give no sign of life. */
  silentWorkers(): number;
  /** Passed over for their failures, or on probation after that. */
  ejectedWorkers(): number;
  hotModels(): number;
}

export type RouterMetrics = ReturnType<typeof createRouterMetrics>;

/** No label for a tenant or model: there are hundreds of thousands. */
export function createRouterMetrics(registry: Registry) {
  const registers = [registry];
  const phases = new Histogram({
    name: 'shoal_router_prediction_phase_seconds',
    help: 'Parts of a prediction as its worker reports them: queue, run, and load of those that waited for one.',
    labelNames: ['phase'] as const,
    buckets: SECONDS,
    registers,
  });
  return {
    queue: phases.labels('queue'),
    load: phases.labels('load'),
    run: phases.labels('run'),
    cold: new Counter({
      name: 'shoal_router_cold_predictions_total',
      help: 'Predictions that waited for a load.',
      registers,
    }),
    retries: new Counter({
      name: 'shoal_router_retries_total',
      help: 'Second tries on another worker of the shard, by what went wrong with the one before.',
      labelNames: ['reason'] as const,
      registers,
    }),
    retriesDenied: new Counter({
      name: 'shoal_router_retries_denied_total',
      help: 'Second tries that the retry budget did not allow.',
      registers,
    }),
    unsent: new Counter({
      name: 'shoal_router_requests_unsent_total',
      help: 'Requests taken back before they left for a worker: their deadline passed or their caller went away.',
      registers,
    }),
    shed: new Counter({
      name: 'shoal_router_requests_shed_total',
      help: 'Requests refused before their body was read, since no copy could answer them in time.',
      registers,
    }),
    framesPerWrite: new Histogram({
      name: 'shoal_router_frames_per_write',
      help: 'Frames gathered into one write to a worker.',
      buckets: [1, 2, 4, 8, 16, 32, 64, 128, 256],
      registers,
    }),
    connectionsLost: new Counter({
      name: 'shoal_router_worker_connections_lost_total',
      help: 'Frame connections to workers that ended without being asked to.',
      registers,
    }),
    ...aheadMetrics(registers),
  };
}

/** What routers do beside answering. */
function aheadMetrics(registers: Registry[]) {
  return {
    ejections: new Counter({
      name: 'shoal_router_worker_ejections_total',
      help: 'Times that a worker was passed over for a while, by cause: silence, calls (several in a row failed).',
      labelNames: ['cause'] as const,
      registers,
    }),
    copyChanges: new Counter({
      name: 'shoal_router_copy_changes_total',
      help: 'Copies of hot models, by what became of them: grown, shrunk, failed (could not be warmed).',
      labelNames: ['outcome'] as const,
      registers,
    }),
    pins: new Counter({
      name: 'shoal_router_pins_total',
      help: 'Times that workers were told to keep a model with minCopies, by what became of it: kept, failed.',
      labelNames: ['outcome'] as const,
      registers,
    }),
    prefetches: prefetchCounter(registers),
    shadow: new Counter({
      name: 'shoal_router_shadow_requests_total',
      help: 'Copies of requests for shadow versions, by what became of them.',
      labelNames: ['outcome'] as const,
      registers,
    }),
  };
}

export function watchRouterGauges(registry: Registry, gauges: RouterGauges): void {
  const gauge = (name: string, help: string, read: () => number) =>
    new Gauge({
      name,
      help,
      registers: [registry],
      collect() {
        this.set(read());
      },
    });
  gauge('shoal_router_table_age_seconds', 'Since the routing table was last known to be in step.', () => {
    return gauges.tableAgeMs() / 1_000;
  });
  gauge('shoal_router_table_models', 'Models in the routing table.', () => gauges.tableModels());
  gauge('shoal_router_table_revision', "The registry's revision that the routing table has reached.", () =>
    gauges.tableRevision(),
  );
  gauge('shoal_router_in_flight', 'Requests that workers have not answered yet.', () => gauges.inFlight());
  gauge('shoal_router_connected_workers', 'Workers with a frame connection.', () =>
    gauges.connectedWorkers(),
  );
  gauge('shoal_router_known_workers', 'Workers in the list of members.', () => gauges.knownWorkers());
  gauge('shoal_router_silent_workers', 'Connected workers that give no sign of life.', () =>
    gauges.silentWorkers(),
  );
  gauge('shoal_router_ejected_workers', 'Workers passed over for failures, probation included.', () =>
    gauges.ejectedWorkers(),
  );
  gauge('shoal_router_hot_models', 'Models that are on more than one worker for their load.', () =>
    gauges.hotModels(),
  );
}
