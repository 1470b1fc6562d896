import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { RedisConnection } from './connection.ts';

export type ScriptArgument = string | number | Buffer;

/**
 * A `.lua` file that Redis runs as one atomic command. What it changes is there as a whole or not at all, as long as it
 * checks everything before its first write: Redis takes nothing back.
 */
export class RedisScript {
  readonly #name: string;
  readonly #lua: string;
  readonly #sha: string;

  /** `before`: files with what several scripts share. */
  constructor(file: URL, ...before: URL[]) {
    this.#name = file.pathname.replace(/^.*\//, '');
    this.#lua = [...before, file].map((each) => readFileSync(each, 'utf8')).join('\n');
    this.#sha = createHash('sha1').update(this.#lua).digest('hex');
  }

  /** Sends its text only when this Redis doesn't know it: at first, after a restart, a failover or SCRIPT FLUSH. */
  run(
    connection: RedisConnection,
    keys: readonly string[],
    args: readonly ScriptArgument[],
  ): Promise<unknown> {
    const given = [...keys, ...args];
    return connection.call(this.#name, async (redis) => {
      try {
        return await redis.evalsha(this.#sha, keys.length, ...given);
      } catch (error) {
        if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
        return redis.eval(this.#lua, keys.length, ...given);
      }
    });
  }
}
