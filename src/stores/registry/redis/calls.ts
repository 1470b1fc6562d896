import type { Limits } from '../../../core/limits.ts';
import type { RedisConnection } from '../../redis/connection.ts';
import { unavailable } from '../../redis/failure.ts';
import { RedisScript, type ScriptArgument } from '../../redis/script.ts';
import type { Position } from '../position.ts';
import { closed } from '../refusals.ts';
import { RevisionGapError } from '../registry.ts';
import { type History, positionFrom, type Refused } from './history.ts';

export interface CallsDeps {
  readonly redis: RedisConnection;
  readonly limits: Pick<Limits, 'versionsPerModel' | 'changeLogEntries'>;
  readonly history: History;
  /** Milliseconds since 1970; absent: Redis' clock. */
  readonly nowMs?: () => number;
}

export interface Read {
  /** Undefined: there is no history. */
  readonly position: Position | undefined;
  readonly rest: readonly unknown[];
}

export interface Changed {
  readonly revision: number;
  /** What the script replies with besides. */
  readonly rest: readonly unknown[];
}

export function registryScript(name: string): RedisScript {
  const file = (each: string): URL => new URL(`./${each}.lua`, import.meta.url);
  return new RedisScript(file(name), file('common'));
}

const UNBROKEN = registryScript('unbroken');

/** How the registry's scripts are called: with what this process knows of the history, and what it then knows. */
export class Calls {
  readonly redis: RedisConnection;
  readonly history: History;
  readonly meta: string;
  readonly #deps: CallsDeps;
  #closed = false;

  constructor(deps: CallsDeps) {
    this.redis = deps.redis;
    this.history = deps.history;
    this.meta = deps.redis.key('meta');
    this.#deps = deps;
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    this.#closed = true;
  }

  /** STORE_UNAVAILABLE for an answer of a Redis that has no history, has lost changes or, for who leads, has another. */
  async read(script: RedisScript, args: readonly ScriptArgument[]): Promise<readonly unknown[]> {
    const { history } = this;
    const before = history.known;
    const { position, rest } = await this.readAnyway(script, args);
    const why = history.see(position, before);
    if (why !== undefined) throw history.refusal(why);
    return rest;
  }

  /** Whatever state the registry is in, and without a note of it. */
  async readAnyway(script: RedisScript, args: readonly ScriptArgument[]): Promise<Read> {
    const [name, revision, ...rest] = await this.#run(script, args);
    return { position: positionFrom(name, revision), rest };
  }

  /** As of a history that the caller knows up to `at`. RevisionGapError when it is over, or isn't there yet. */
  async readAt(
    at: Position,
    script: RedisScript,
    args: readonly ScriptArgument[],
  ): Promise<readonly unknown[]> {
    const { history } = this;
    const before = history.known;
    const { position, rest } = await this.readAnyway(script, args);
    const why = history.see(position, before);
    if (position?.history !== at.history)
      throw new RevisionGapError('the history of the changes is another one');
    if (why !== undefined) throw history.refusal(why);
    if (position.revision >= at.revision) return rest;
    throw new RevisionGapError(`the registry is at revision ${position.revision}, before ${at.revision}`);
  }

  /** Undefined also when changes are lost: then another history has to begin, since who follows may know them. */
  async position(): Promise<Position | undefined> {
    const { position, why } = await this.#look();
    return why === 'behind' ? undefined : position;
  }

  /** STORE_UNAVAILABLE as `read` has it. */
  async current(): Promise<Position> {
    const { position, why } = await this.#look();
    if (position === undefined || why !== undefined) throw this.history.refusal(why ?? 'none');
    return position;
  }

  /** STORE_UNAVAILABLE when nothing was changed, or it isn't known whether. */
  async change(script: RedisScript, args: readonly ScriptArgument[]): Promise<Changed> {
    const before = this.history.known;
    const [name, second, ...rest] = await this.leading(script, args);
    const position = positionFrom(name, second);
    if (position === undefined) throw new Error('a change has told no position');
    this.history.see(position, before);
    return { revision: position.revision, rest };
  }

  /** What a script replies that only who leads may run. */
  async leading(script: RedisScript, args: readonly ScriptArgument[]): Promise<readonly unknown[]> {
    const { known } = this.history;
    const { limits, nowMs } = this.#deps;
    const fence = this.history.fence();
    const header = {
      leader: fence.leader,
      term: String(fence.term),
      history: known?.history,
      revision: known?.revision,
      nowMs: nowMs?.(),
      logEntries: limits.changeLogEntries,
      versionsPerModel: limits.versionsPerModel,
    };
    const reply = await this.#run(script, [JSON.stringify(header), ...args]);
    if (reply[0] === '') throw this.history.refused(reply[1] as Refused);
    return reply;
  }

  async isUnbroken(): Promise<boolean> {
    this.#checkOpen();
    return (await UNBROKEN.run(this.redis, [this.meta], [])) === 1;
  }

  /** The JSON of interned values, in the order of their ids. */
  async values(ids: readonly string[]): Promise<string[]> {
    if (ids.length === 0) return [];
    this.#checkOpen();
    const key = this.redis.key('values');
    const found = await this.redis.call('values', (redis) => redis.hmget(key, ...ids));
    return found.map((json, index) => {
      if (json !== null) return json;
      // It was there when its id was read, and stays long enough after its last version.
      throw unavailable(this.history.where, `the value ${ids[index] ?? ''} is gone`);
    });
  }

  async #look(): Promise<{ position: Position | undefined; why: Refused | undefined }> {
    this.#checkOpen();
    const before = this.history.known;
    const [name, revision] = await this.redis.call('position', (redis) =>
      redis.hmget(this.meta, 'history', 'revision'),
    );
    const position = positionFrom(name, revision ?? 0);
    return { position, why: this.history.see(position, before) };
  }

  async #run(script: RedisScript, args: readonly ScriptArgument[]): Promise<unknown[]> {
    this.#checkOpen();
    return (await script.run(this.redis, [this.meta], args)) as unknown[];
  }

  #checkOpen(): void {
    if (this.#closed) throw closed();
  }
}
