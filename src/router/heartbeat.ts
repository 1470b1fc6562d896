import type { Limits } from '../core/limits.ts';
import type { WorkerClient } from './worker-client.ts';

/** A tick that comes later than this many times its turn came late because this process stood still. */
const LATE_FACTOR = 1.5;

export interface HeartbeatDeps {
  /** Also those that take nothing new. */
  readonly clients: () => Iterable<WorkerClient>;
  readonly limits: Pick<Limits, 'workerPingMs' | 'workerIdlePingMs'>;
  readonly now: () => number;
}

/**
 * Finds workers that are frozen or cut off, with one timer for all of them and a ping only where nothing else was
 * heard. While any one gives no answer, all are asked: who is to take its requests must surely live.
 */
export class Heartbeat {
  readonly #deps: HeartbeatDeps;
  readonly #timer: NodeJS.Timeout;
  #lastMs: number;

  constructor(deps: HeartbeatDeps) {
    this.#deps = deps;
    this.#lastMs = deps.now();
    this.#timer = setInterval(() => this.#tick(), deps.limits.workerPingMs);
    this.#timer.unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #tick(): void {
    const { clients, limits, now } = this.#deps;
    const { workerPingMs, workerIdlePingMs } = limits;
    const nowMs = now();
    // What came while this process stood still is read only after this turn, and no worker's fault.
    const awakeMs = Math.min(nowMs - this.#lastMs, workerPingMs * LATE_FACTOR);
    this.#lastMs = nowMs;
    const connected = [...clients()].filter((client) => client.isConnected);
    for (const client of connected) client.health.passed(awakeMs, nowMs);
    const isAlarmed = connected.some(({ health }) => health.isUnheard);
    for (const client of connected) {
      const isOwed = isAlarmed || client.inFlight > 0;
      if (client.health.isPingDue(nowMs, isOwed ? workerPingMs : workerIdlePingMs)) client.ping();
      else if (client.health.isLost) client.drop();
      else if (client.health.isSilent) client.handOver();
    }
  }
}
