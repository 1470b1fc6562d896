import { randomUUID } from 'node:crypto';
import { ShoalError } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import type { ObjectStore } from '../objects/objects.ts';
import type { RedisConnection } from '../redis/connection.ts';

const OBJECT = 'installation';
const NAME_RULE = /^[0-9a-f-]{36}$/;

interface Names {
  readonly inRedis: string | undefined;
  readonly inObjects: string | undefined;
}

/**
 * A name that stands in Redis and in the object store, so that neither is ever joined with what belongs to another
 * installation: a manager with a wrong bucket or prefix would acknowledge what workers can't find.
 */
export class Installation {
  readonly #redis: RedisConnection;
  readonly #objects: ObjectStore;

  constructor(redis: RedisConnection, objects: ObjectStore) {
    this.#redis = redis;
    this.#objects = objects;
  }

  /** Throws STORE_UNAVAILABLE when they don't belong together, or when one can't be asked. */
  async check(): Promise<void> {
    await this.#names();
  }

  /** The same, and what has no name gets the other's, or a new one. For who leads. */
  async claim(): Promise<void> {
    const { inRedis, inObjects } = await this.#names();
    const name = inObjects ?? randomUUID();
    if (inObjects === undefined) await this.#objects.put(OBJECT, Buffer.from(name));
    if (inRedis === undefined) await this.#redis.call('naming', (redis) => redis.set(this.#key, name));
  }

  get #key(): string {
    return this.#redis.key(OBJECT);
  }

  async #names(): Promise<Names> {
    const inObjects = (await this.#objects.get(OBJECT))?.toString();
    const inRedis = (await this.#redis.call('naming', (redis) => redis.get(this.#key))) ?? undefined;
    if (inObjects !== undefined && !NAME_RULE.test(inObjects))
      throw apart(`the object ${quote(OBJECT)} of the object store is not one of ours`);
    if (inRedis === undefined || inRedis === inObjects) return { inRedis, inObjects };
    throw apart(
      inObjects === undefined
        ? `Redis has an installation whose objects are not there: look whether bucket and prefix are right (if all objects are lost, shoal registry export and import bring what Redis has into another ?prefix=)`
        : `Redis belongs to another installation than the object store: look whether Redis, its ?prefix=, bucket and prefix are right`,
    );
  }
}

function apart(why: string): ShoalError {
  return new ShoalError('STORE_UNAVAILABLE', `registry: ${why}`);
}
