import type { Logger } from 'pino';
import type { Limits } from '../core/limits.ts';
import {
  afterAnswer,
  afterFailure,
  afterPong,
  eject,
  type Ejection,
  GOOD_STANDING,
  isOutlier,
  phaseOf,
} from '../core/outliers.ts';
import type { RouterMetrics } from './metrics.ts';

export interface WorkerHealthDeps {
  readonly limits: Limits;
  readonly metrics: Pick<RouterMetrics, 'ejections'>;
  readonly logger: Logger;
  /** Whether one more worker may be passed over. */
  readonly mayEject: () => boolean;
  readonly random: () => number;
}

/** How requests should see a worker that has a connection. */
export type WorkerStanding = 'connected' | 'probation' | 'ejected' | 'draining' | 'silent';

/** What has not even left this process counts as silence only after so many times the time. */
const UNWRITTEN_FACTOR = 3;
/** Heard within so many times `workerPingMs`: as good as now. */
const FRESH_PINGS = 3;

/** What a worker's answers, and their absence, tell of it. Times are of its owner's clock. */
export class WorkerHealth {
  readonly #deps: WorkerHealthDeps;
  #reportedDelayMs = 0;
  #reportedAtMs = 0;
  #heardAtMs = 0;
  /** A ping is out, or on its way out. */
  #isPinged = false;
  #isWritten = false;
  /** How long that ping has been unanswered, less the time in which this process itself stood still. */
  #unheardMs = 0;
  #isDraining = false;
  #standing = GOOD_STANDING;
  /** Nothing speaks against it: what every request asks. */
  #isWell = true;

  constructor(deps: WorkerHealthDeps) {
    this.#deps = deps;
  }

  connected(nowMs: number): void {
    this.#reportedDelayMs = 0;
    this.#isDraining = false;
    this.heard(nowMs);
    this.#judge();
  }

  answered(nowMs: number, queueDelayMs: number): void {
    this.#reported(nowMs, queueDelayMs);
  }

  ponged(nowMs: number, queueDelayMs: number, isDraining: boolean): void {
    this.#reported(nowMs, queueDelayMs);
    this.#standing = afterPong(this.#standing, nowMs);
    if (isDraining !== this.#isDraining || !this.#isWell) {
      this.#isDraining = isDraining;
      this.#judge();
    }
  }

  /** Anything came from it. */
  heard(nowMs: number): void {
    this.#heardAtMs = nowMs;
    if (!this.#isPinged) return;
    const wasSilent = this.isSilent;
    this.#isPinged = false;
    this.#unheardMs = 0;
    if (wasSilent) {
      this.#deps.logger.info('a worker that was silent is heard again');
      this.#judge();
    }
  }

  #reported(nowMs: number, queueDelayMs: number): void {
    this.#reportedAtMs = nowMs;
    this.#reportedDelayMs = queueDelayMs;
    this.heard(nowMs);
  }

  /** It said that it takes no more requests. */
  drains(): void {
    this.#isDraining = true;
    this.#judge();
  }

  wentWell(nowMs: number): void {
    if (this.#standing === GOOD_STANDING) return;
    this.#standing = afterAnswer(this.#standing, nowMs);
    this.#judge();
  }

  /** A call failed by its fault; `model`: or by that model's. */
  failed(nowMs: number, model?: string): void {
    this.#standing = afterFailure(this.#standing, model);
    if (isOutlier(this.#standing, nowMs, this.#deps.limits)) this.#eject('calls', nowMs);
  }

  /** Whether to ping it now: nothing was heard for so long, and no ping is out. */
  isPingDue(nowMs: number, afterMs: number): boolean {
    return !this.#isPinged && nowMs - this.#heardAtMs >= afterMs;
  }

  pinged(): void {
    this.#isPinged = true;
    this.#isWritten = false;
    this.#unheardMs = 0;
  }

  pingWritten(): void {
    this.#isWritten = true;
  }

  /** So much time has passed for this process. Whether it became silent in it. */
  passed(awakeMs: number, nowMs: number): boolean {
    if (!this.#isPinged) return false;
    const wasSilent = this.isSilent;
    this.#unheardMs += this.#isWritten ? awakeMs : awakeMs / UNWRITTEN_FACTOR;
    if (wasSilent || !this.isSilent) return false;
    this.#deps.logger.warn('a worker is silent; requests go to others of its shard');
    this.#eject('silence', nowMs);
    this.#judge();
    return true;
  }

  /** A ping has gone without an answer for a while already. */
  get isUnheard(): boolean {
    return this.#unheardMs > 0;
  }

  /** It may be frozen, or cut off. */
  get isSilent(): boolean {
    return this.#unheardMs >= this.#deps.limits.workerFrozenMs;
  }

  get isLost(): boolean {
    return this.#unheardMs >= this.#deps.limits.workerSilenceMs;
  }

  get isEjected(): boolean {
    return this.#standing.out !== undefined;
  }

  /** Heard so lately that it surely isn't frozen together with another that is. */
  isFresh(nowMs: number): boolean {
    return nowMs - this.#heardAtMs <= FRESH_PINGS * this.#deps.limits.workerPingMs;
  }

  /** `inFlight`: under way there. On probation a worker gets one request at a time. */
  isPassedOver(nowMs: number, inFlight: number): boolean {
    if (this.#isWell) return false;
    const standing = this.standing(nowMs);
    return standing !== 'connected' && !(standing === 'probation' && inFlight === 0);
  }

  standing(nowMs: number): WorkerStanding {
    if (this.isSilent) return 'silent';
    if (this.#isDraining) return 'draining';
    const phase = phaseOf(this.#standing, nowMs);
    if (phase === 'in') return 'connected';
    return phase === 'out' ? 'ejected' : 'probation';
  }

  /** What it last reported, less the time since: with nothing newer known, a queue drains as time goes by. */
  queueDelayMs(nowMs: number): number {
    return Math.max(0, this.#reportedDelayMs - (nowMs - this.#reportedAtMs));
  }

  #eject(cause: Ejection, nowMs: number): void {
    const { mayEject, metrics, logger, random, limits } = this.#deps;
    if (!this.isEjected && !mayEject()) return;
    this.#standing = eject(this.#standing, cause, nowMs, random(), limits);
    metrics.ejections.inc({ cause });
    const ms = Math.round(this.#standing.untilMs - nowMs);
    logger.warn({ cause, ms, inARow: this.#standing.ejections }, 'a worker is passed over for a while');
    this.#judge();
  }

  #judge(): void {
    this.#isWell = !this.isSilent && !this.#isDraining && !this.isEjected;
  }
}
