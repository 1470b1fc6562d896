import type { FastifyPluginAsync } from 'fastify';
import type { Logger } from 'pino';
import type { Registry as MetricsRegistry } from 'prom-client';
import type { Limits } from '../core/limits.ts';
import { RetryBudget } from '../core/retry-budget.ts';
import type { Member, Members } from '../stores/members/members.ts';
import type { Registry } from '../stores/registry/registry.ts';
import { type ModelKey, parseModelKey } from '../wire/model-key.ts';
import { Fleet } from './fleet.ts';
import { HotModels } from './hot-models.ts';
import { Keeper } from './keeper.ts';
import { createRouterMetrics, watchRouterGauges } from './metrics.ts';
import { createPrefetcher, type Prefetch } from './prefetch.ts';
import { RoutingTable } from './routing-table.ts';
import { routerRoutes } from './server.ts';
import { Shadow } from './shadow.ts';
import { TableFollower } from './table-follower.ts';
import { createWarmer, type Warm } from './warm.ts';
import { WorkerControl } from './worker-control.ts';

export interface RouterOptions {
  readonly registry: Pick<Registry, 'position' | 'snapshot' | 'follow'>;
  readonly members: Members;
  /** What workers ask of whoever calls them. */
  readonly token: string;
  readonly limits: Limits;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  readonly productVersion: string;
  /** Milliseconds that only grow, as performance.now. */
  readonly now: () => number;
  readonly random: () => number;
}

export interface Router {
  readonly routes: FastifyPluginAsync;
  readonly warm: Warm;
  readonly prefetch: Prefetch;
  readonly table: RoutingTable;
  readonly fleet: Fleet;
  /** The first snapshot is loaded. */
  readonly ready: Promise<void>;
  notReady(): string | undefined;
  /** The table knows every change up to `revision`, or `limits.publishMs` have passed. */
  reached(revision: number): Promise<void>;
  /** After the last request: ends the connections to workers and the watch of the registry. */
  stop(): Promise<void>;
}

/** The inference service: everything that a prediction needs between HTTP and the workers. */
export function createRouter(options: RouterOptions): Router {
  const { registry, members, token, limits, logger, now, random } = options;
  const metrics = createRouterMetrics(options.metrics);
  const table = new RoutingTable();
  const follower = new TableFollower({ registry, table, limits, logger, now, random });
  const control = new WorkerControl(token);
  const fleet = new Fleet(members, { token, limits, metrics, logger, now, random });
  const orderOf = (key: ModelKey) => orderOfKey(table, fleet, key);
  const hot = new HotModels({ fleet, control, orderOf, limits, metrics, logger, now, random });
  const shadow = new Shadow({ fleet, metrics, logger, now, random });
  const budget = new RetryBudget(now());
  const deathBudget = new RetryBudget(now());
  watchRouterGauges(options.metrics, {
    tableAgeMs: () => follower.ageMs(),
    tableModels: () => table.modelCount,
    tableRevision: () => table.revision,
    inFlight: () => fleet.inFlight,
    knownWorkers: () => fleet.known,
    connectedWorkers: () => fleet.connected,
    silentWorkers: () => fleet.silent,
    ejectedWorkers: () => fleet.ejected,
    hotModels: () => hot.size,
  });
  const notReady = (): string | undefined => {
    if (!follower.isReady()) return 'the routing table is not loaded yet';
    return fleet.connected === 0 ? 'no worker is connected' : undefined;
  };
  const deps = {
    table,
    fleet,
    hot,
    budget,
    deathBudget,
    metrics,
    shadow,
    control,
    limits,
    logger,
    now,
    random,
    notReady,
  };
  const shardSizeOf = (tenant: string) => table.tenant(tenant)?.shardSize;
  const keeper = new Keeper({ table, fleet, control, metrics, limits, logger, ready: follower.ready });
  return {
    routes: routerRoutes({ ...deps, productVersion: options.productVersion }),
    warm: createWarmer({ members, control, shardSizeOf, limits, logger }),
    prefetch: createPrefetcher({ members, control, shardSizeOf, metrics, limits, logger }),
    table,
    fleet,
    ready: follower.ready,
    notReady,
    reached: (revision) => follower.reached(revision),
    async stop() {
      const keeping = keeper.stop();
      hot.stop();
      await follower.stop();
      fleet.close();
      // Ends what the keeper still waits for.
      await control.close();
      await keeping;
    },
  };
}

/** The workers that a model may run on, in its order; none when it isn't there any more. */
function orderOfKey(table: RoutingTable, fleet: Fleet, key: ModelKey): readonly Member[] {
  const { tenant = '', model = '' } = parseModelKey(key) ?? {};
  const owner = table.tenant(tenant);
  const entry = owner?.models.get(model);
  return owner === undefined || entry === undefined
    ? []
    : fleet.placement.order(tenant, model, entry, owner.shardSize);
}
