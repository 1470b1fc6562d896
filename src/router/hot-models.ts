import type { Logger } from 'pino';
import { type CopiesDecision, decideCopies, isCalm, type ModelLoad } from '../core/copies-policy.ts';
import type { Limits } from '../core/limits.ts';
import type { Member } from '../stores/members/members.ts';
import type { ModelKey } from '../wire/model-key.ts';
import type { Fleet } from './fleet.ts';
import type { RouterMetrics } from './metrics.ts';
import type { WorkerClient } from './worker-client.ts';
import type { WorkerControl } from './worker-control.ts';
import type { WorkerRequest } from './worker-request.ts';

/** Of quick answers one in so many is counted, for all of them: a hot model has many. */
const SAMPLE = 8;
const SLOW_US = 10_000;
/** A model with one copy and fewer requests a second than this is forgotten. */
const LEAST_PER_SECOND = 0.5;
/** So is one that is so far below what would give it another copy. */
const FAR_BELOW = 1 / 16;
/** So many decisions pass before a change shows in what is measured. */
const SETTLE_DECISIONS = 2;
/** And so many before a copy that could not be warmed is tried again: a worker without room has none at once. */
const RETRY_DECISIONS = 15;

export interface HotModelsDeps {
  readonly fleet: Pick<Fleet, 'client'>;
  readonly control: Pick<WorkerControl, 'warmAhead'>;
  /** The workers of the model's shard, in its order. */
  readonly orderOf: (key: ModelKey) => readonly Member[];
  readonly limits: Pick<
    Limits,
    'maxCopies' | 'hotModels' | 'hotQueueMs' | 'hotRequestsPerSecond' | 'hotDecideMs' | 'hotCoolMs' | 'warmMs'
  >;
  readonly metrics: Pick<RouterMetrics, 'copyChanges'>;
  readonly logger: Logger;
  readonly now: () => number;
  readonly random: () => number;
}

/** What was measured of a model; the sums fade by half with each decision. */
interface Watched {
  residentBytes: number;
  requests: number;
  queueUs: number;
  runUs: number;
  perSecond: number;
  calmSinceMs: number;
  /** Decisions to wait for before the next change. */
  settling: number;
  /** The connections on which its copies were warmed, by worker; empty: only the first of its order has it. */
  copies: Map<string, number>;
}

/**
 * Gives models that are busy more copies than the one that all have, and takes them back: measures what workers
 * report of those that have much to do, decides in fixed steps (core/copies-policy.ts), and warms a copy before any
 * request is sent to it.
 */
export class HotModels {
  readonly #deps: HotModelsDeps;
  readonly #watched = new Map<ModelKey, Watched>();
  /** The few with more than one copy: what every request asks. */
  readonly #hot = new Map<ModelKey, Watched>();
  readonly #timer: NodeJS.Timeout;
  #decidedAtMs: number;

  constructor(deps: HotModelsDeps) {
    this.#deps = deps;
    this.#decidedAtMs = deps.now();
    this.#timer = setInterval(() => this.decide(), deps.limits.hotDecideMs);
    this.#timer.unref();
  }

  get size(): number {
    return this.#hot.size;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** The workers that have it warm, each with the beginning of its connection; undefined: it has one copy. */
  copiesOf(key: ModelKey): ReadonlyMap<string, number> | undefined {
    return this.#hot.size === 0 ? undefined : this.#hot.get(key)?.copies;
  }

  /** It is measured, and soon has another copy if it needs one. */
  isWatched(key: ModelKey): boolean {
    return this.#watched.has(key);
  }

  answered(request: WorkerRequest, queueUs: number, runUs: number): void {
    const isSlow = queueUs + runUs >= SLOW_US;
    if (!isSlow && this.#deps.random() * SAMPLE >= 1) return;
    this.#count(request, isSlow ? 1 : SAMPLE, queueUs, runUs);
  }

  /** Refused for want of room, or since it would have waited too long: so long at least. */
  refused(request: WorkerRequest, waitMs: number): void {
    this.#count(request, 1, waitMs * 1_000, 0);
  }

  /** Once every `limits.hotDecideMs`. */
  decide(): void {
    const nowMs = this.#deps.now();
    const seconds = Math.max(1e-3, (nowMs - this.#decidedAtMs) / 1_000);
    this.#decidedAtMs = nowMs;
    for (const [key, one] of this.#watched) {
      // The sum of halves of one second after the other is twice a second's.
      one.perSecond = one.requests / (2 * seconds);
      this.#decideOn(key, one, nowMs);
      one.requests /= 2;
      one.queueUs /= 2;
      one.runUs /= 2;
      if (one.copies.size === 0 && one.settling === 0 && this.#isQuiet(one)) this.#watched.delete(key);
    }
  }

  #count({ key, residentBytes }: WorkerRequest, weight: number, queueUs: number, runUs: number): void {
    let one = this.#watched.get(key);
    if (one === undefined) {
      if (this.#watched.size >= this.#deps.limits.hotModels) return;
      const sums = { requests: 0, queueUs: 0, runUs: 0, perSecond: 0 };
      one = { residentBytes, ...sums, calmSinceMs: this.#deps.now(), settling: 0, copies: new Map() };
      this.#watched.set(key, one);
    }
    one.requests += weight;
    one.queueUs += weight * queueUs;
    one.runUs += weight * runUs;
  }

  #decideOn(key: ModelKey, one: Watched, nowMs: number): void {
    const { limits } = this.#deps;
    const order = this.#deps.orderOf(key);
    this.#dropLost(key, one, order);
    const copies = Math.max(1, one.copies.size);
    const load: ModelLoad = {
      requestsPerSecond: one.perSecond,
      queueMs: one.requests === 0 ? 0 : one.queueUs / one.requests / 1_000,
      busyLanes: one.requests === 0 ? 0 : ((one.runUs / one.requests) * one.perSecond) / 1e6,
      copies,
      maxCopies: Math.min(limits.maxCopies, order.length),
      calmMs: nowMs - one.calmSinceMs,
    };
    if (!isCalm(load, limits)) one.calmSinceMs = nowMs;
    if (one.settling > 0) {
      one.settling--;
      return;
    }
    const decided = decideCopies(load, limits);
    if (decided.decision === 'grow') void this.#grow(key, one, order, decided);
    else if (decided.decision === 'shrink') this.#shrink(key, one, order, decided);
  }

  #isQuiet({ perSecond, queueUs, requests }: Watched): boolean {
    const { hotQueueMs, hotRequestsPerSecond } = this.#deps.limits;
    if (perSecond < LEAST_PER_SECOND) return true;
    return (
      perSecond < hotRequestsPerSecond * FAR_BELOW && queueUs / requests / 1_000 < hotQueueMs * FAR_BELOW
    );
  }

  /** Copies whose worker has gone, isn't in the shard any more, or may be another process by now. */
  #dropLost(key: ModelKey, one: Watched, order: readonly Member[]): void {
    for (const [id, connectedAtMs] of one.copies) {
      const client = order.some((member) => member.id === id) ? this.#deps.fleet.client(id) : undefined;
      if (client?.isConnected !== true || client.connectedAtMs !== connectedAtMs) one.copies.delete(id);
    }
    this.#keep(key, one);
  }

  /** Warms the first worker of the order that hasn't it; the very first has the requests already. */
  async #grow(
    key: ModelKey,
    one: Watched,
    order: readonly Member[],
    { reason }: CopiesDecision,
  ): Promise<void> {
    const { control, limits, metrics, logger, now } = this.#deps;
    const well = order.flatMap(({ id }) => this.#wellClient(id) ?? []);
    const [home] = well;
    const isOne = one.copies.size === 0;
    const next = well.find((client) => (isOne ? client !== home : !one.copies.has(client.member.id)));
    if (home === undefined || next === undefined) return;
    const { connectedAtMs, member } = next;
    const homeSince = home.connectedAtMs;
    const sinceMs = now();
    // Nothing more is decided while it is being warmed.
    one.settling = Number.POSITIVE_INFINITY;
    let settling = SETTLE_DECISIONS;
    try {
      await control.warmAhead(member, { key, residentBytes: one.residentBytes }, limits.warmMs);
      // Those that it had may be lost by now.
      if (one.copies.size === 0) one.copies.set(home.member.id, homeSince);
      one.copies.set(member.id, connectedAtMs);
      this.#keep(key, one);
      metrics.copyChanges.inc({ outcome: 'grown' });
      const warmMs = Math.round(now() - sinceMs);
      logger.info(
        { key, worker: member.id, copies: one.copies.size, warmMs, reason },
        'a hot model has one more copy',
      );
    } catch (error) {
      settling = RETRY_DECISIONS;
      metrics.copyChanges.inc({ outcome: 'failed' });
      logger.warn({ err: error, key, worker: member.id }, 'a hot model could not be given one more copy');
    }
    one.requests = 0;
    one.queueUs = 0;
    one.runUs = 0;
    one.calmSinceMs = now();
    one.settling = settling;
  }

  /** The last of the order loses it; what is under way there ends there. */
  #shrink(key: ModelKey, one: Watched, order: readonly Member[], { reason }: CopiesDecision): void {
    const { metrics, logger, now } = this.#deps;
    const worker = order.findLast(({ id }) => one.copies.has(id))?.id ?? '';
    one.copies.delete(worker);
    this.#keep(key, one);
    one.calmSinceMs = now();
    one.settling = SETTLE_DECISIONS;
    metrics.copyChanges.inc({ outcome: 'shrunk' });
    logger.info({ key, worker, copies: one.copies.size, reason }, 'a hot model has one copy less');
  }

  #keep(key: ModelKey, one: Watched): void {
    if (one.copies.size > 1) this.#hot.set(key, one);
    else {
      one.copies.clear();
      this.#hot.delete(key);
    }
  }

  #wellClient(id: string): WorkerClient | undefined {
    const client = this.#deps.fleet.client(id);
    const isWell = client?.isConnected === true && client.health.standing(this.#deps.now()) === 'connected';
    return isWell ? client : undefined;
  }
}
