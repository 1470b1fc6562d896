import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Limits } from '../../core/limits.ts';
import { membersAfter, type Sighting } from '../../core/membership.ts';
import type { RedisConnection } from '../redis/connection.ts';
import { RedisScript } from '../redis/script.ts';
import { LastingTrouble } from '../../telemetry/lasting-trouble.ts';
import { FleetNews } from './fleet-news.ts';
import { MemberList } from './member-list.ts';
import type { Announcement, Members } from './members.ts';
import { Watchers } from './watchers.ts';

const LOOK = new RedisScript(new URL('./look.lua', import.meta.url));

/** A break in contact: so many looks in a row that didn't come off, be it that this process was frozen itself. */
const MISSED_LOOKS = 3;

export interface RedisMembersDeps {
  readonly redis: RedisConnection;
  readonly limits: Pick<Limits, 'memberLeaseMs' | 'memberPollMs'>;
  readonly logger: Logger;
  /** Milliseconds that only grow, while the process is stopped too. */
  readonly now: () => number;
}

export interface RedisMembers extends Members {
  /** Since the store of members last answered. */
  ageMs(): number;
  /** Calls back when a manager has taken the lead, or given it back; returns the way to stop. */
  watchLead(onNews: () => void): () => void;
  close(): Promise<void>;
}

/** Looks again and again who is there (core/membership.ts decides what that means), and at once when there is news. */
export function watchRedisMembers(deps: RedisMembersDeps): RedisMembers {
  return new Watch(deps);
}

interface Entry {
  readonly atMs: number;
  /** Absent: it has left. */
  readonly member?: Announcement;
}

class Watch implements RedisMembers {
  readonly #deps: RedisMembersDeps;
  readonly #list = new MemberList();
  readonly #leadWatchers = new Watchers<undefined>();
  readonly #stopping = new AbortController();
  readonly #news: FleetNews;
  readonly #done: Promise<void>;
  #missing: ReadonlyMap<string, number | undefined> = new Map();
  #announcements = new Map<string, Announcement>();
  #contactSinceMs: number;
  #lookedAtMs: number;
  #wake = (): void => undefined;

  constructor(deps: RedisMembersDeps) {
    this.#deps = deps;
    this.#contactSinceMs = this.#lookedAtMs = deps.now();
    this.#news = new FleetNews(deps, {
      changed: () => this.#wake(),
      died: (death) => this.#list.tellDeath(death),
      ledAnew: () => this.#leadWatchers.tell(undefined),
    });
    this.#done = this.#run();
  }

  list() {
    return this.#list.list();
  }

  watch(...args: Parameters<Members['watch']>) {
    return this.#list.watch(...args);
  }

  watchDeaths(...args: Parameters<Members['watchDeaths']>) {
    return this.#list.watchDeaths(...args);
  }

  watchLead(onNews: () => void) {
    return this.#leadWatchers.add(onNews);
  }

  announcements(): readonly Announcement[] {
    return this.#list.announcements();
  }

  ageMs(): number {
    return this.#deps.now() - this.#lookedAtMs;
  }

  async close(): Promise<void> {
    this.#stopping.abort();
    this.#wake();
    await Promise.all([this.#done, this.#news.close()]);
  }

  async #run(): Promise<void> {
    const { memberPollMs } = this.#deps.limits;
    const { signal } = this.#stopping;
    const trouble = new LastingTrouble(this.#deps.logger);
    while (!signal.aborted) {
      const waiting = new AbortController();
      this.#wake = () => waiting.abort();
      try {
        await this.#look();
        trouble.over('the members can be read again');
      } catch (error) {
        trouble.tell('the members can not be read; those known are kept', error);
      }
      await sleep(memberPollMs, undefined, { signal: waiting.signal }).catch(() => undefined);
    }
  }

  async #look(): Promise<void> {
    const { redis, limits, now } = this.#deps;
    const [time, ...found] = (await LOOK.run(redis, [redis.key('members')], [])) as [string, ...string[]];
    const nowMs = now();
    if (nowMs - this.#lookedAtMs > MISSED_LOOKS * limits.memberPollMs) this.#contactSinceMs = nowMs;
    this.#lookedAtMs = nowMs;
    const sightings: Sighting[] = [];
    const heard = new Map(this.#announcements);
    for (let index = 0; index < found.length; index += 2) {
      const id = found[index] as string;
      const { atMs, member } = JSON.parse(found[index + 1] as string) as Entry;
      sightings.push({ id, hasLeft: member === undefined, ageMs: Number(time) - atMs });
      if (member !== undefined) heard.set(id, member);
    }
    const view = { nowMs, contactSinceMs: this.#contactSinceMs, leaseMs: limits.memberLeaseMs };
    this.#missing = membersAfter(this.#missing, sightings, view);
    this.#announcements = new Map([...heard].filter(([id]) => this.#missing.has(id)));
    this.#list.replace(this.#announcements.values());
  }
}
