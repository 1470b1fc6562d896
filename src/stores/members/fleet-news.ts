import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Limits } from '../../core/limits.ts';
import type { RedisConnection } from '../redis/connection.ts';
import type { WorkerDeath } from './members.ts';

/** How long one call waits for news inside Redis. */
const BLOCK_MS = 2_000;
const PAGE = 100;

export interface FleetNewsDeps {
  readonly redis: RedisConnection;
  readonly limits: Pick<Limits, 'memberPollMs'>;
  readonly logger: Logger;
}

export interface FleetNewsEvents {
  /** The members have changed: worth a look. */
  changed(): void;
  died(death: WorkerDeath): void;
  /** A manager has taken the lead, or given it back. */
  ledAnew(): void;
}

/**
 * What routers and supervisors should hear at once, from a stream: who was away for a moment hears of the deaths then.
 * What was told before it began to listen is old.
 */
export class FleetNews {
  readonly #deps: FleetNewsDeps;
  readonly #events: FleetNewsEvents;
  readonly #waiting: RedisConnection;
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;
  /** The id of the last that was read. */
  #after: string | undefined;

  constructor(deps: FleetNewsDeps, events: FleetNewsEvents) {
    this.#deps = deps;
    this.#events = events;
    this.#waiting = deps.redis.forWaiting(BLOCK_MS);
    this.#done = this.#run();
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    // Ends the call that waits.
    this.#waiting.close();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { limits, logger } = this.#deps;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        this.#after ??= await this.#latest();
        await this.#read(this.#after);
      } catch (error) {
        if (signal.aborted) return;
        logger.debug({ err: error }, 'no news of the fleet: the registry could not be asked');
        await sleep(limits.memberPollMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  async #latest(): Promise<string> {
    const { redis } = this.#deps;
    const last = await redis.call('news', (commands) =>
      commands.xrevrange(redis.key('fleet'), '+', '-', 'COUNT', 1),
    );
    return last[0]?.[0] ?? '0-0';
  }

  async #read(after: string): Promise<void> {
    const key = this.#deps.redis.key('fleet');
    const streams = await this.#waiting.call('news', (commands) =>
      commands.xread('COUNT', PAGE, 'BLOCK', BLOCK_MS, 'STREAMS', key, after),
    );
    for (const [, entries] of (streams ?? []) as [string, [string, string[]][]][]) {
      for (const [id, entry] of entries) {
        this.#after = id;
        this.#tell(entry);
      }
    }
  }

  /** What can't be told, as another release may write it, must not keep what comes after it. */
  #tell([kind, value = '']: string[]): void {
    try {
      if (kind === 'death') this.#events.died(JSON.parse(value) as WorkerDeath);
      else if (kind === 'leader') this.#events.ledAnew();
      else this.#events.changed();
    } catch (error) {
      this.#deps.logger.error({ err: error, kind }, 'news of the fleet could not be used');
    }
  }
}
