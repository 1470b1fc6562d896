import { type ErrorCode, ShoalError } from '../core/errors.ts';
import type { RetryBudget } from '../core/retry-budget.ts';
import type { Member } from '../stores/members/members.ts';
import type { AnswerFrame } from '../wire/frames.ts';
import type { Caller } from './caller.ts';
import { prefersSecond } from './copy-choice.ts';
import type { Fleet } from './fleet.ts';
import type { RetryReason, RouterMetrics } from './metrics.ts';
import type { Outcome, WorkerClient, WorkerRequest } from './worker-client.ts';

/** How long a request waits for a worker to come back when its whole shard is away. */
const AWAY_WAIT_MS = 1_000;

export interface DispatchDeps {
  readonly fleet: Fleet;
  readonly budget: RetryBudget;
  readonly metrics: RouterMetrics;
  readonly now: () => number;
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
 * workers of it are tried, none twice. A worker that died while it may have been running the request costs the
 * one such retry there is: a request that kills workers must not be passed on to a third.
 */
export async function dispatch(
  deps: DispatchDeps,
  orderNow: () => readonly Member[],
  request: WorkerRequest,
  caller: Caller,
): Promise<Dispatched> {
  const { budget, metrics, now } = deps;
  budget.request();
  const tried = new Set<WorkerClient>();
  let deaths = 0;
  let last: ShoalError | undefined;
  for (;;) {
    const client =
      nextClient(deps, orderNow(), tried) ??
      (last === undefined ? await waitForClient(deps, orderNow, request, caller) : undefined);
    if (client === undefined) throw last ?? noWorker(orderNow());
    tried.add(client);
    const outcome = await client.send(request, caller);
    const id = client.member.id;
    if (outcome.kind === 'answer' && outcome.frame.result.ok) {
      return { worker: id, frame: outcome.frame, section: outcome.frame.result.section };
    }
    const { error, reason } = judge(outcome, id);
    if (reason === 'lost' && ++deaths > 1) throw error;
    if (reason === undefined || request.deadlineAtMs <= now()) throw error;
    last = error;
    if (nextClient(deps, orderNow(), tried) === undefined) throw error;
    // What was surely not sent costs the fleet nothing.
    if (reason !== 'not_sent' && !budget.tryRetry(now())) {
      metrics.retriesDenied.inc();
      throw error;
    }
    metrics.retries.inc({ reason });
  }
}

/** The better of the first two of the order that are connected and untried. */
function nextClient(
  deps: DispatchDeps,
  order: readonly Member[],
  tried: ReadonlySet<WorkerClient>,
): WorkerClient | undefined {
  let first: WorkerClient | undefined;
  for (const { id } of order) {
    const client = deps.fleet.client(id);
    if (client === undefined || !client.isConnected || tried.has(client)) continue;
    if (first === undefined) first = client;
    else return prefersSecond(loadOf(first, deps.now()), loadOf(client, deps.now())) ? client : first;
  }
  return first;
}

function loadOf(client: WorkerClient, nowMs: number) {
  return {
    queueDelayMs: client.queueDelayMs(nowMs),
    inFlight: client.inFlight,
    silentMs: client.silentMs(nowMs),
  };
}

/** A worker that starts anew is back within a moment; that moment is shorter than most deadlines. */
async function waitForClient(
  deps: DispatchDeps,
  orderNow: () => readonly Member[],
  request: WorkerRequest,
  caller: Caller,
): Promise<WorkerClient | undefined> {
  const untilMs = Math.min(request.deadlineAtMs, deps.now() + AWAY_WAIT_MS);
  for (;;) {
    const leftMs = untilMs - deps.now();
    if (leftMs <= 0 || caller.isGone) return undefined;
    if (!(await deps.fleet.change(leftMs))) return undefined;
    const client = nextClient(deps, orderNow(), new Set());
    if (client !== undefined) return client;
  }
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
    return outcome.sent
      ? {
          error: new ShoalError('NO_WORKER', `worker ${worker} died while it had the request`),
          reason: 'lost',
        }
      : { error: new ShoalError('NO_WORKER', `worker ${worker} went away`), reason: 'not_sent' };
  }
  if (outcome.kind === 'too_large') {
    const message = `the request takes ${outcome.bytes} bytes on its way to a worker, at most ${outcome.maxBytes} are allowed (limits inputBytes, workerQueueBytes)`;
    return { error: new ShoalError('TOO_LARGE', message) };
  }
  if (outcome.kind === 'full') {
    const message = `worker ${worker} has as many requests under way as it may`;
    return { error: new ShoalError('OVERLOADED', message), reason: 'overloaded' };
  }
  return outcome.kind === 'deadline'
    ? { error: new ShoalError('DEADLINE_EXCEEDED', `worker ${worker} gave no answer before the deadline`) }
    : { error: new ShoalError('REQUEST_TIMEOUT', 'the caller went away before the answer') };
}

function judgeFailure(frame: AnswerFrame): Judgement {
  if (frame.result.ok) throw new Error('a good answer is no failure');
  const { code, message, retryAfterMs } = frame.result;
  const retryAfterSeconds = Math.max(1, Math.ceil(retryAfterMs / 1_000));
  const error = new ShoalError(code, message, { retryAfterSeconds });
  const reason = RETRIED_CODES[code];
  return reason === undefined ? { error } : { error, reason };
}
