import { type ErrorCode, overloaded, ShoalError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { RetryBudget } from '../core/retry-budget.ts';
import type { Member } from '../stores/members/members.ts';
import type { AnswerFrame } from '../wire/frames.ts';
import type { Caller } from './caller.ts';
import type { RetryReason, RouterMetrics } from './metrics.ts';
import { Tries, type TriesDeps } from './tries.ts';
import type { WorkerClient } from './worker-client.ts';
import type { Outcome, WorkerRequest } from './worker-request.ts';

export interface DispatchDeps extends TriesDeps {
  /** Of retries after workers' refusals. */
  readonly budget: RetryBudget;
  /** Of retries after workers' deaths and silences: no flood of refused requests takes them from others. */
  readonly deathBudget: RetryBudget;
  readonly metrics: RouterMetrics;
  readonly limits: Pick<Limits, 'workerAwayMs'>;
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
  const tries = new Tries(deps, orderNow, request, caller);
  let client = tries.next() ?? (await waitForClient(deps, tries));
  if (client === undefined) throw caller.isGone ? callerGone() : noWorker(orderNow());
  for (;;) {
    const outcome: Outcome = await client.send(request, caller, tries);
    const id = client.member.id;
    if (outcome.kind === 'answer' && outcome.frame.result.ok) {
      tries.wentWell(outcome.frame);
      return { worker: id, frame: outcome.frame, section: outcome.frame.result.section };
    }
    const { error, reason } = judge(outcome, id);
    if (reason === undefined || request.deadlineAtMs <= now()) throw error;
    tries.failed(client, outcome, reason);
    if (outcome.kind === 'lost' && (await tries.isSuspect())) throw error;
    // Its model may be about to hold a lane there, and must not get another one elsewhere.
    if (reason === 'overloaded' && client.owesSilently(request.key, now())) throw error;
    const next = tries.next();
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
      const client = tries.next();
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
