import { type ErrorCode, overloaded, ShoalError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { RetryBudget } from '../core/retry-budget.ts';
import type { Member } from '../stores/members/members.ts';
import type { AnswerFrame } from '../wire/frames.ts';
import type { Caller } from './caller.ts';
import { type Choice, chooseWorker, hasOther } from './choose-worker.ts';
import type { Fleet } from './fleet.ts';
import type { HotModels } from './hot-models.ts';
import type { RetryReason, RouterMetrics } from './metrics.ts';
import type { WorkerClient } from './worker-client.ts';
import type { Outcome, WorkerRequest } from './worker-request.ts';

export interface DispatchDeps {
  readonly fleet: Fleet;
  readonly hot: HotModels;
  /** Of retries after workers' refusals. */
  readonly budget: RetryBudget;
  /** Of retries after workers' deaths and silences: no flood of refused requests takes them from others. */
  readonly deathBudget: RetryBudget;
  readonly metrics: RouterMetrics;
  readonly limits: Pick<Limits, 'workerAwayMs'>;
  readonly now: () => number;
  readonly random: () => number;
}

export interface Dispatched {
  readonly worker: string;
  readonly frame: AnswerFrame;
  readonly section: Uint8Array;
}

/** Answers that another worker of the shard may do better on. */
const RETRIED_CODES: Partial<Record<ErrorCode, RetryReason>> = {
  SHUTTING_DOWN: 'shutting_down',
  OVERLOADED: 'overloaded',
  STORE_UNAVAILABLE: 'store_unavailable',
};

/** What is known of the tries of one request. */
interface Tries {
  readonly orderNow: () => readonly Member[];
  readonly request: WorkerRequest;
  readonly caller: Caller;
  /** Workers that refused it. One that died may be tried again: another process stands in its place. */
  readonly refusedBy: Set<WorkerClient>;
  /** Workers whose store failed it: their own fault if another one answers it. */
  readonly storeless: WorkerClient[];
  /** For every worker that died or fell silent while it had the request: whether its model was at work then. */
  readonly deaths: Promise<boolean>[];
  /** Of those, how many are known to have had its model at work. */
  knownAtWork: number;
  /** The last one fell silent. */
  wasSilent: boolean;
}

/**
 * Runs one request on one worker of its shard. `orderNow` gives the model's order at the time it is asked; only
 * workers of it are tried, none again that refused. What only waited in a worker that died is tried for as long as
 * its deadline lasts; when its model was at work there, once more in all: a request that kills workers must not walk
 * through its shard. One at a worker that falls silent (it may be frozen, or cut off) is tried on one more that surely
 * lives, and what the first says later is not heard. `orderNow` may throw, and so end the tries.
 */
export async function dispatch(
  deps: DispatchDeps,
  orderNow: () => readonly Member[],
  request: WorkerRequest,
  caller: Caller,
): Promise<Dispatched> {
  const { metrics, now } = deps;
  deps.budget.request();
  deps.deathBudget.request();
  const state = { refusedBy: new Set<WorkerClient>(), storeless: [], deaths: [], knownAtWork: 0 };
  const tries: Tries = { orderNow, request, caller, ...state, wasSilent: false };
  let client = chooseWorker(deps, choiceOf(tries)) ?? (await waitForClient(deps, tries));
  if (client === undefined) throw caller.isGone ? callerGone() : noWorker(orderNow());
  for (;;) {
    const asked: WorkerClient = client;
    const outcome = await asked.send(request, caller, () => mayLeave(deps, tries, asked));
    const id = client.member.id;
    if (outcome.kind === 'answer' && outcome.frame.result.ok) {
      wentWell(deps, tries, outcome.frame);
      return { worker: id, frame: outcome.frame, section: outcome.frame.result.section };
    }
    const { error, reason } = judge(outcome, id);
    if (reason === undefined || request.deadlineAtMs <= now()) throw error;
    note(deps, tries, client, outcome, reason);
    if (outcome.kind === 'lost' && (await isSuspect(deps, tries))) throw error;
    // Its model may be about to hold a lane there, and must not get another one elsewhere.
    if (reason === 'overloaded' && client.owesSilently(request.key, now())) throw error;
    const next = chooseWorker(deps, choiceOf(tries));
    if (next === undefined && !mayComeBack(deps, tries)) throw caller.isGone ? callerGone() : error;
    if (!mayRetry(deps, outcome, reason)) {
      metrics.retriesDenied.inc();
      throw error;
    }
    client = next ?? (await waitForClient(deps, tries));
    if (client === undefined) throw caller.isGone ? callerGone() : error;
    metrics.retries.inc({ reason });
  }
}

function choiceOf({ request, orderNow, refusedBy, wasSilent }: Tries): Choice {
  return { key: request.key, order: orderNow(), refusedBy, mustBeFresh: wasSilent };
}

/**
 * What was surely not sent costs the fleet nothing, nor what a stopping worker refused: it isn't asked again. Of what
 * was at a silent worker the budget was asked before it left.
 */
function mayRetry(
  { budget, deathBudget, now }: DispatchDeps,
  outcome: Outcome,
  reason: RetryReason,
): boolean {
  const { kind } = outcome;
  if (kind === 'away' || kind === 'full' || kind === 'silent' || reason === 'shutting_down') return true;
  return (kind === 'lost' ? deathBudget : budget).tryRetry(now());
}

/** Asked while its worker is silent. It stays when nobody else can have it: the worker may only be slow. */
function mayLeave(deps: DispatchDeps, tries: Tries, silent: WorkerClient): boolean {
  if (tries.knownAtWork > 0) return false;
  let choice: Choice;
  try {
    choice = { ...choiceOf(tries), mustBeFresh: true };
  } catch {
    // The tries end with what the order says now, and say it themselves.
    return true;
  }
  return hasOther(deps, choice, silent) && deps.deathBudget.tryRetry(deps.now());
}

function wentWell({ hot, now }: DispatchDeps, { request, storeless }: Tries, frame: AnswerFrame): void {
  hot.answered(request, frame.queueUs, frame.runUs);
  for (const client of storeless) client.health.failed(now());
}

/** What a failed try tells of its worker, for this request and for others. */
function note(
  { fleet, hot, now }: DispatchDeps,
  tries: Tries,
  client: WorkerClient,
  outcome: Outcome,
  reason: RetryReason,
): void {
  const { request, deaths, refusedBy, storeless } = tries;
  const { kind } = outcome;
  tries.wasSilent = kind === 'silent';
  if (kind === 'lost') {
    const { connectedAtMs } = outcome;
    const death = fleet.autopsies.wasAtWork({ worker: client.member.id, connectedAtMs }, request.key);
    deaths.push(death.then((wasAtWork) => (wasAtWork ? ++tries.knownAtWork > 0 : false)));
  } else if (kind === 'silent') {
    tries.knownAtWork++;
    deaths.push(Promise.resolve(true));
  } else if (reason !== 'not_sent') refusedBy.add(client);
  if (reason === 'store_unavailable') storeless.push(client);
  if (reason === 'overloaded') hot.refused(request, client.queueDelayMs(now()));
}

/**
 * Its model was at work in two workers when they died. After the first death the answer doesn't matter yet, unless
 * the model was at work in an earlier one: it may be in quarantine by the time of the answer.
 */
async function isSuspect({ fleet }: DispatchDeps, { deaths, caller, request }: Tries): Promise<boolean> {
  const mayWait = deaths.length > 1 || fleet.autopsies.tellsOf(request.key);
  if (!mayWait || caller.isGone) return false;
  const { promise: gone, resolve } = Promise.withResolvers<boolean[]>();
  caller.onGone = () => resolve([]);
  const verdicts = await Promise.race([Promise.all(deaths), gone]);
  caller.onGone = undefined;
  return verdicts.filter((wasAtWork) => wasAtWork).length > 1;
}

/**
 * A worker that starts anew is back within a moment; that moment is shorter than most deadlines. OVERLOADED when
 * too many wait for that.
 */
async function waitForClient(deps: DispatchDeps, tries: Tries): Promise<WorkerClient | undefined> {
  const { fleet, limits, now } = deps;
  const { request, caller } = tries;
  const { tenant, tensors } = request;
  const bytes = tensors.reduce((sum, { data }) => sum + data.byteLength, 0);
  if (fleet.homeless.refusal(tenant, bytes) !== undefined) {
    const message = `no worker of the shard can be reached, and as many requests wait for one as may (limits workerQueueRequests, workerQueueBytes)`;
    throw overloaded(message, limits.workerAwayMs);
  }
  const untilMs = Math.min(request.deadlineAtMs, now() + limits.workerAwayMs);
  fleet.homeless.add(tenant, bytes, now());
  try {
    for (;;) {
      const leftMs = untilMs - now();
      if (leftMs <= 0 || caller.isGone) return undefined;
      await fleet.change(leftMs, caller);
      const client = chooseWorker(deps, choiceOf(tries));
      if (client !== undefined) return client;
    }
  } finally {
    fleet.homeless.remove(tenant, bytes);
  }
}

/** A request that was refused waits only for a worker that has been away for a moment, and not for one that is gone. */
function mayComeBack({ fleet, limits, now }: DispatchDeps, { orderNow, request, refusedBy }: Tries): boolean {
  if (refusedBy.size === 0) return true;
  if (fleet.held.holdersOf(request.key).length > 0) return false;
  const nowMs = now();
  return orderNow().some(({ id }) => {
    const client = fleet.client(id);
    return client?.isConnected === false && client.awayMs(nowMs) < limits.workerAwayMs;
  });
}

function callerGone(): ShoalError {
  return new ShoalError('REQUEST_TIMEOUT', 'the caller went away before the answer');
}

function noWorker(order: readonly Member[]): ShoalError {
  const message =
    order.length === 0
      ? 'there is no live worker'
      : `none of the ${order.length} workers of the shard can be reached (${order.map(({ id }) => id).join(', ')})`;
  return new ShoalError('NO_WORKER', message);
}

interface Judgement {
  readonly error: ShoalError;
  /** Why another worker may be tried; none: no other may. */
  readonly reason?: RetryReason;
}

/** The error that an outcome is when no other try follows. */
function judge(outcome: Outcome, worker: string): Judgement {
  if (outcome.kind === 'answer') return judgeFailure(outcome.frame);
  if (outcome.kind === 'lost') {
    const error = new ShoalError('NO_WORKER', `worker ${worker} died while it had the request`);
    return { error, reason: 'lost' };
  }
  if (outcome.kind === 'silent') {
    const error = new ShoalError('NO_WORKER', `worker ${worker} fell silent while it had the request`);
    return { error, reason: 'silent' };
  }
  if (outcome.kind === 'away') {
    return { error: new ShoalError('NO_WORKER', `worker ${worker} went away`), reason: 'not_sent' };
  }
  if (outcome.kind === 'too_large') {
    const message = `the request takes ${outcome.bytes} bytes on its way to a worker, at most ${outcome.maxBytes} are allowed (limits inputBytes, workerQueueBytes)`;
    return { error: new ShoalError('TOO_LARGE', message) };
  }
  if (outcome.kind === 'full') {
    const whose = outcome.of === 'queue' ? '' : ' of this tenant';
    const message = `worker ${worker} has as many requests${whose} under way as it may`;
    return { error: overloaded(message, outcome.drainMs), reason: 'overloaded' };
  }
  return outcome.kind === 'deadline'
    ? { error: new ShoalError('DEADLINE_EXCEEDED', `worker ${worker} gave no answer before the deadline`) }
    : { error: callerGone() };
}

function judgeFailure(frame: AnswerFrame): Judgement {
  if (frame.result.ok) throw new Error('a good answer is no failure');
  const { code, message, retryAfterMs } = frame.result;
  const error = new ShoalError(code, message, { retryAfterSeconds: Math.ceil(retryAfterMs / 1_000) });
  const reason = RETRIED_CODES[code];
  return reason === undefined ? { error } : { error, reason };
}
