import type { Member } from '../stores/members/members.ts';
import type { ModelKey } from '../wire/model-key.ts';
import { expectedWaitMs, type Load, prefersSecond } from './copy-choice.ts';
import type { Fleet } from './fleet.ts';
import type { HotModels } from './hot-models.ts';
import type { WorkerClient } from './worker-client.ts';

export interface ChoiceDeps {
  readonly fleet: Pick<Fleet, 'client' | 'held'>;
  readonly hot: Pick<HotModels, 'copiesOf' | 'isWatched'>;
  readonly now: () => number;
  readonly random: () => number;
}

export interface Choice {
  readonly key: ModelKey;
  /** Workers that refused the request. */
  readonly refusedBy: ReadonlySet<WorkerClient>;
  /** A worker fell silent with it: the next one must surely live. */
  readonly mustBeFresh: boolean;
}

/**
 * A worker that a run of the model holds, if one is; else one of a hot model's copies; else the first of the order
 * that is well, or the second for a request that would wait much shorter there; at last one that is passed over.
 */
export function chooseWorker(
  deps: ChoiceDeps,
  choice: Choice,
  order: readonly Member[],
): WorkerClient | undefined {
  const { key, refusedBy } = choice;
  const holder = holderIn(deps, order, key);
  if (holder !== undefined) return refusedBy.has(holder) ? undefined : holder;
  const nowMs = deps.now();
  const copies = deps.hot.copiesOf(key);
  const copy = copies === undefined ? undefined : chooseCopy(deps, choice, order, copies, nowMs);
  if (copy !== undefined) return copy;
  let first: WorkerClient | undefined;
  for (const { id } of order) {
    const client = deps.fleet.client(id);
    if (client === undefined || !isGood(client, choice, nowMs)) continue;
    if (first === undefined) first = client;
    else if (first.owesSilently(key, nowMs)) return first;
    else if (client.owesSilently(key, nowMs)) return client;
    else {
      const isSecond = prefersSecond(loadOf(first, nowMs), loadOf(client, nowMs), deps.hot.isWatched(key));
      return isSecond ? client : first;
    }
  }
  return first ?? lastResort(deps, choice, order, nowMs);
}

/** Whether there is another worker that is well and surely lives, for a request at one that is silent. */
export function hasOther(
  deps: ChoiceDeps,
  choice: Choice,
  order: readonly Member[],
  than: WorkerClient,
): boolean {
  if (deps.fleet.held.holdersOf(choice.key).length > 0) return false;
  const nowMs = deps.now();
  return order.some(({ id }) => {
    const client = deps.fleet.client(id);
    if (client === undefined || client === than) return false;
    return client.health.isFresh(nowMs) && isGood(client, choice, nowMs);
  });
}

function isGood(client: WorkerClient, { refusedBy, mustBeFresh }: Choice, nowMs: number): boolean {
  return (
    client.isConnected &&
    !client.health.isPassedOver(nowMs, client.inFlight) &&
    !refusedBy.has(client) &&
    (!mustBeFresh || client.health.isFresh(nowMs))
  );
}

/** The less busy of two that are drawn: no router's favourite becomes that of all of them. */
function chooseCopy(
  deps: ChoiceDeps,
  choice: Choice,
  order: readonly Member[],
  copies: ReadonlyMap<string, number>,
  nowMs: number,
): WorkerClient | undefined {
  const clients: WorkerClient[] = [];
  for (const { id } of order) {
    const warmedAtMs = copies.get(id);
    const client = warmedAtMs === undefined ? undefined : deps.fleet.client(id);
    // On another connection than the one that it was warmed on there may be another process.
    if (client === undefined || client.connectedAtMs !== warmedAtMs || !isGood(client, choice, nowMs))
      continue;
    if (client.owesSilently(choice.key, nowMs)) return client;
    clients.push(client);
  }
  if (clients.length < 2) return clients[0];
  const at = Math.floor(deps.random() * clients.length);
  const step = 1 + Math.floor(deps.random() * (clients.length - 1));
  const one = clients[at] as WorkerClient;
  const other = clients[(at + step) % clients.length] as WorkerClient;
  return expectedWaitMs(loadOf(one, nowMs)) <= expectedWaitMs(loadOf(other, nowMs)) ? one : other;
}

const LAST_RESORTS = ['connected', 'probation', 'ejected', 'draining', 'silent'];

/** Of those that are passed over, the likeliest to answer. */
function lastResort(
  { fleet }: ChoiceDeps,
  choice: Choice,
  order: readonly Member[],
  nowMs: number,
): WorkerClient | undefined {
  let best: WorkerClient | undefined;
  let bestRank = LAST_RESORTS.length;
  for (const { id } of order) {
    const client = fleet.client(id);
    if (client === undefined || !client.isConnected || choice.refusedBy.has(client)) continue;
    const standing = client.health.standing(nowMs);
    // There is an answer for the caller already; a silent worker would only use up its deadline.
    if (standing === 'silent' && choice.refusedBy.size > 0) continue;
    const rank = LAST_RESORTS.indexOf(standing);
    if (rank >= bestRank) continue;
    best = client;
    bestRank = rank;
  }
  return best;
}

function holderIn({ fleet }: ChoiceDeps, order: readonly Member[], key: ModelKey): WorkerClient | undefined {
  const holders = fleet.held.holdersOf(key);
  if (holders.length === 0) return undefined;
  return order.map(({ id }) => fleet.client(id)).find((client) => client && holders.includes(client));
}

function loadOf(client: WorkerClient, nowMs: number): Load {
  return { queueDelayMs: client.queueDelayMs(nowMs), inFlight: client.inFlight };
}
