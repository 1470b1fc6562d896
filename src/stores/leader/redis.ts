import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Limits } from '../../core/limits.ts';
import type { RedisConnection } from '../redis/connection.ts';
import { RedisScript } from '../redis/script.ts';
import { LastingTrouble } from '../../telemetry/lasting-trouble.ts';
import { KnownLeader } from './known-leader.ts';
import type { Fence, Leader, LeaderWatch, StandingCandidate } from './leader.ts';

const CAMPAIGN = new RedisScript(new URL('./campaign.lua', import.meta.url));
const RELEASE = new RedisScript(new URL('./release.lua', import.meta.url));

/** How often within a lease it is renewed, or looked at by the others. */
const RENEWALS = 3;
/** What of a lease is left to Redis' clock and ours to differ by. */
const MARGIN = 0.1;
/** After a lease's end, so that it is over when others ask for it. */
const AFTER_MS = 20;

export interface LeaderDeps {
  readonly redis: RedisConnection;
  readonly limits: Pick<Limits, 'leaderLeaseMs'>;
  readonly logger: Logger;
  /** Milliseconds that only grow, while the process is stopped too. */
  readonly now: () => number;
  readonly random: () => number;
  /** Calls back when the lead may have changed hands; absent: that is noticed at the next look. */
  readonly news?: (onNews: () => void) => () => void;
}

/** Asks who leads, several times a lease. While Redis is away it is who led last. */
export function watchRedisLeader(deps: LeaderDeps): LeaderWatch {
  const known = new KnownLeader();
  const loop = new Loop(deps, () => look(deps, known));
  return {
    current: () => known.current,
    watch: (onChange) => known.watch(onChange),
    close: () => loop.stop(),
  };
}

/** Resolves to how long until the next look. */
async function look({ redis, limits }: LeaderDeps, known: KnownLeader): Promise<number> {
  const [id, address, term] = await redis.call('leader', (commands) =>
    commands.hmget(redis.key('leader'), 'id', 'address', 'term'),
  );
  known.set(id && address && term ? { id, address, term: Number(term) } : undefined);
  return limits.leaderLeaseMs / RENEWALS;
}

/** `id` must be this process's alone: one that starts again is another. */
export function redisCandidate(deps: LeaderDeps, id: string): StandingCandidate {
  return new RedisCandidate(deps, id);
}

class RedisCandidate implements StandingCandidate {
  readonly id: string;
  readonly #deps: LeaderDeps;
  readonly #known = new KnownLeader();
  #loop: Loop | undefined;
  /** On our clock; counted from before Redis was asked, so that it is over here first. */
  #leadsUntilMs = Number.NEGATIVE_INFINITY;
  #steppingDown: NodeJS.Timeout | undefined;
  /** It doesn't ask for the lease before. */
  #asideUntilMs = Number.NEGATIVE_INFINITY;

  constructor(deps: LeaderDeps, id: string) {
    this.id = id;
    this.#deps = deps;
  }

  stand(address: string): void {
    this.#loop = new Loop(this.#deps, () => this.#campaign(address));
  }

  current(): Leader | undefined {
    const leader = this.#known.current;
    return leader?.id === this.id && !this.#mayWrite() ? undefined : leader;
  }

  fence(): Fence | undefined {
    const leader = this.#known.current;
    if (leader?.id !== this.id || !this.#mayWrite()) return undefined;
    return { leader: this.id, term: leader.term };
  }

  watch(onChange: (leader: Leader | undefined) => void): () => void {
    return this.#known.watch(onChange);
  }

  async stepAside(forMs: number): Promise<void> {
    this.#asideUntilMs = this.#deps.now() + forMs;
    await this.#giveBack();
  }

  async resign(): Promise<void> {
    await this.#withdraw();
    this.#loop = new Loop(this.#deps, () => look(this.#deps, this.#known));
  }

  async close(): Promise<void> {
    await this.#withdraw();
  }

  async #withdraw(): Promise<void> {
    await this.#loop?.stop();
    await this.#giveBack();
  }

  async #giveBack(): Promise<void> {
    clearTimeout(this.#steppingDown);
    const led = this.#known.current?.id === this.id;
    this.#leadsUntilMs = Number.NEGATIVE_INFINITY;
    this.#known.set(undefined);
    if (led) await this.#release();
  }

  async #release(): Promise<void> {
    const { redis, logger } = this.#deps;
    await RELEASE.run(redis, [redis.key('leader'), redis.key('fleet')], [this.id]).catch((error: unknown) =>
      logger.warn({ err: error }, 'the lead could not be given back; it ends by itself'),
    );
  }

  #mayWrite(): boolean {
    return this.#deps.now() < this.#leadsUntilMs;
  }

  /** Resolves to how long until the next time. */
  async #campaign(address: string): Promise<number> {
    const { redis, limits, now } = this.#deps;
    const leaseMs = limits.leaderLeaseMs;
    const askedAtMs = now();
    if (askedAtMs < this.#asideUntilMs) return look(this.#deps, this.#known);
    const keys = [redis.key('leader'), redis.key('term'), redis.key('fleet')];
    const reply = await CAMPAIGN.run(redis, keys, [this.id, address, leaseMs]);
    const [id, leaderAddress, term, leftMs] = reply as [string, string, number, number];
    // It stepped aside while it asked.
    if (id === this.id && askedAtMs < this.#asideUntilMs) {
      await this.#release();
      return leaseMs / RENEWALS;
    }
    const leads = id === this.id;
    this.#leadsUntilMs = leads ? askedAtMs + leaseMs * (1 - MARGIN) : Number.NEGATIVE_INFINITY;
    clearTimeout(this.#steppingDown);
    // Timers may fire a millisecond early.
    if (leads) this.#steppingDown = setTimeout(() => this.#stepDown(), this.#leadsUntilMs - now() + 2);
    this.#known.set({ id, address: leaderAddress, term });
    const everyMs = leaseMs / RENEWALS;
    return leads ? everyMs : Math.min(everyMs, leftMs + AFTER_MS);
  }

  #stepDown(): void {
    if (this.#mayWrite()) return;
    this.#deps.logger.warn('this manager could not renew its lead and has stepped down');
    this.#known.set(undefined);
  }
}

/** Does something again and again, at the pace that it asks for itself; sooner after a failure, at once when there is news. */
class Loop {
  readonly #stopping = new AbortController();
  readonly #unwatch: () => void;
  readonly #done: Promise<void>;
  #waiting = new AbortController();
  #hasNews = false;

  constructor(deps: LeaderDeps, turn: () => Promise<number>) {
    this.#unwatch = deps.news?.(() => this.#wake()) ?? (() => undefined);
    this.#done = this.#run(deps, turn);
  }

  async stop(): Promise<void> {
    this.#unwatch();
    this.#stopping.abort();
    this.#wake();
    await this.#done;
  }

  #wake(): void {
    this.#hasNews = true;
    this.#waiting.abort();
  }

  async #run({ limits, logger, random }: LeaderDeps, turn: () => Promise<number>): Promise<void> {
    const trouble = new LastingTrouble(logger);
    while (!this.#stopping.signal.aborted) {
      this.#waiting = new AbortController();
      this.#hasNews = false;
      let waitMs = limits.leaderLeaseMs / (RENEWALS * 2);
      try {
        waitMs = await turn();
        trouble.over('who leads is known again');
      } catch (error) {
        trouble.tell('who leads is not known: the registry could not be asked', error);
      }
      // News that came while it looked may be newer than what it saw.
      if (this.#hasNews) continue;
      // Apart from the others, so that they don't all ask in one moment.
      await sleep(waitMs * (0.9 + random() / 10), undefined, { signal: this.#waiting.signal }).catch(
        () => undefined,
      );
    }
  }
}
