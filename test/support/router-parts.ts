import { pino } from 'pino';
import { Registry } from 'prom-client';
import { DEFAULT_LIMITS, type Limits } from '../../src/core/limits.ts';
import { RetryBudget } from '../../src/core/retry-budget.ts';
import { Fleet } from '../../src/router/fleet.ts';
import { HotModels } from '../../src/router/hot-models.ts';
import { createRouterMetrics } from '../../src/router/metrics.ts';
import { WorkerControl } from '../../src/router/worker-control.ts';
import { createMemoryMembers } from '../../src/stores/members/memory.ts';
import type { Member } from '../../src/stores/members/members.ts';
import { announcementOf } from './announcement.ts';
import { TOKEN } from './fake-worker.ts';

const now = () => performance.now();

export interface RouterPartsOptions {
  readonly limits?: Partial<Limits>;
  readonly budget?: RetryBudget;
  readonly deathBudget?: RetryBudget;
  readonly token?: string;
}

/** A fleet over given members, and what dispatching needs, with real clocks and sockets. */
export function createRouterParts(members: readonly Member[], options: RouterPartsOptions = {}) {
  const store = createMemoryMembers();
  for (const member of members) void store.announce(announcementOf(member));
  const registry = new Registry();
  const metrics = createRouterMetrics(registry);
  const logger = pino({ level: 'silent' });
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { budget = new RetryBudget(now()), deathBudget = new RetryBudget(now()), token = TOKEN } = options;
  const deps = { token, limits, metrics, logger, now, random: Math.random };
  const fleet = new Fleet(store, deps);
  const control = new WorkerControl(token);
  // Models are told apart by their key; a test's models may run on every worker.
  const orderOf = () => store.list();
  const hot = new HotModels({ fleet, control, orderOf, limits, metrics, logger, now, random: Math.random });
  return {
    hot,
    members: store,
    registry,
    metrics,
    logger,
    limits,
    fleet,
    budget,
    deathBudget,
    now,
    random: Math.random,
  };
}

/** Until so many workers are connected. */
export async function connected(fleet: Fleet, count: number): Promise<void> {
  while (fleet.connected < count) await fleet.change(10_000);
}
