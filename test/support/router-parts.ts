import { pino } from 'pino';
import { Registry } from 'prom-client';
import { DEFAULT_LIMITS, type Limits } from '../../src/core/limits.ts';
import { RetryBudget } from '../../src/core/retry-budget.ts';
import { Fleet } from '../../src/router/fleet.ts';
import { createRouterMetrics } from '../../src/router/metrics.ts';
import { createMemoryMembers } from '../../src/stores/members/memory.ts';
import type { Member } from '../../src/stores/members/members.ts';
import { TOKEN } from './fake-worker.ts';

const now = () => performance.now();

export interface RouterPartsOptions {
  readonly limits?: Partial<Limits>;
  readonly budget?: RetryBudget;
  readonly deathBudget?: RetryBudget;
  readonly token?: string;
  /** Absent: who is silent is taken to be frozen. */
  readonly isAlive?: () => Promise<boolean>;
}

/** A fleet over given members, and what dispatching needs, with real clocks and sockets. */
export function createRouterParts(members: readonly Member[], options: RouterPartsOptions = {}) {
  const store = createMemoryMembers();
  for (const member of members) store.set(member);
  const registry = new Registry();
  const metrics = createRouterMetrics(registry);
  const logger = pino({ level: 'silent' });
  const limits: Limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { budget = new RetryBudget(now()), deathBudget = new RetryBudget(now()), token = TOKEN } = options;
  const { isAlive = () => Promise.resolve(false) } = options;
  const deps = { token, limits, metrics, logger, isAlive, now, random: Math.random };
  const fleet = new Fleet(store, deps);
  return {
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
