import type { FastifyPluginAsync } from 'fastify';
import { createForwarder } from '../../http/forward.ts';
import { fleetRoutes } from '../../manager/fleet-routes.ts';
import { createManager, type Manager, type ManagerDeps } from '../../manager/manager.ts';
import type { StandingCandidate } from '../../stores/leader/leader.ts';
import type { Members } from '../../stores/members/members.ts';
import { Changes, isChange } from './changes.ts';
import type { LedRegistry } from './led-registry.ts';
import type { MeetingSettings } from './meeting.ts';
import type { SharedObjects } from './shared-stores.ts';

export interface ManagerPartSettings extends MeetingSettings {
  /** The fleet's. */
  readonly token: string;
  /** Folders that file:// uris may name, and places that s3:// uris may. */
  readonly allowRoots: readonly string[];
  /** Versions are loaded as they become stable, where there is memory to spare. */
  readonly prefetch: boolean;
}

export interface ManagerPartDeps extends SharedObjects {
  readonly candidate: StandingCandidate;
  readonly members: Members;
  readonly led: LedRegistry;
  readonly warming: Pick<ManagerDeps, 'warm'> & Required<Pick<ManagerDeps, 'prefetch'>>;
  /** Resolves when a router in this process knows the revision, or soon after if it doesn't. */
  readonly published: (revision: number) => Promise<void>;
  /** The same for whatever the leading manager has just changed. */
  readonly caughtUp: () => Promise<void>;
}

/** A manager of several, whatever else its process does. */
export interface ManagerPart {
  readonly routes: readonly FastifyPluginAsync[];
  /** It can change the registry, or knows who can; else what is missing. */
  notReady(): string | undefined;
  /** Resolves when this manager takes changes itself, or knows that another leads. */
  readonly decided: Promise<void>;
  /** Lets changes under way finish, for `limits.leaveMs` at most, and gives the lead back; from then on it passes changes on. */
  leave(): Promise<void>;
}

/** Who leads changes the registry itself, the others pass changes on to it; reads come from the stores, which all share. */
export function openManagerPart(
  settings: ManagerPartSettings,
  deps: ManagerPartDeps,
  stack: AsyncDisposableStack,
): ManagerPart {
  const { token, allowRoots, prefetch, limits, logger, metrics } = settings;
  const { candidate, members, led, artifacts, plans, buckets, warming, published, caughtUp } = deps;
  const manager = createManager({
    registry: led.registry,
    artifacts,
    plans,
    buckets,
    warm: warming.warm,
    ...(prefetch ? { prefetch: warming.prefetch } : {}),
    published,
    maxResidentBytes: () => largestBudget(members),
    limits,
    allowRoots,
    logger,
    metrics,
  });
  stack.defer(() => manager.close());
  sweepWhileLeading(manager, candidate, led);
  const state = { leaving: false };
  const leads = (): boolean => !state.leaving && candidate.fence() !== undefined;
  const forwarder = createForwarder({
    leader: () => otherLeader(candidate),
    watch: (onChange) => candidate.watch(onChange),
    isForwarded: (request) => isChange(request) && !leads(),
    caughtUp,
    limits,
  });
  stack.defer(() => forwarder.close());
  const changes = new Changes();
  const changing: FastifyPluginAsync = async (app) => {
    app.addHook('onRequest', forwarder.hook);
    app.addHook('onRequest', changes.hook);
    await app.register(manager.routes);
  };
  return {
    routes: [changing, fleetRoutes({ strikes: manager.strikes, leads, token })],
    decided: decided(candidate, led),
    notReady: () => missing(candidate, led),
    async leave() {
      state.leaving = true;
      await changes.settled(limits.leaveMs);
      await led.keeper.close();
      await candidate.resign();
    },
  };
}

/** What another leader registers meanwhile would not be known to a sweep that goes on. */
function sweepWhileLeading(manager: Manager, candidate: StandingCandidate, { keeper }: LedRegistry): void {
  let lost = new AbortController();
  keeper.watch(() => {
    // What a record needs that can't be read isn't known.
    if (keeper.corrupt === 0) manager.sweep(lost.signal);
  });
  candidate.watch(() => {
    if (candidate.fence() !== undefined) return;
    lost.abort();
    lost = new AbortController();
  });
}

function decided(candidate: StandingCandidate, led: LedRegistry): Promise<void> {
  return new Promise((resolve) => {
    led.keeper.watch(resolve);
    const unwatch = candidate.watch((leader) => {
      if (leader === undefined || leader.id === candidate.id) return;
      unwatch();
      resolve();
    });
  });
}

function missing(candidate: StandingCandidate, { keeper }: LedRegistry): string | undefined {
  const leader = candidate.current();
  if (leader === undefined) return 'no manager leads, as far as is known';
  return leader.id === candidate.id ? keeper.refusal() : undefined;
}

/** Never itself, which is on its way out of the lead then. */
function otherLeader(candidate: StandingCandidate): string | undefined {
  const leader = candidate.current();
  return leader?.id === candidate.id ? undefined : leader?.address;
}

/** A model must fit into some worker. While none is known it isn't known either, and workers say so themselves. */
function largestBudget(members: Members): number {
  const budgets = members.announcements().map(({ budgetBytes }) => budgetBytes);
  return budgets.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...budgets);
}
