import { Cluster, Redis } from 'ioredis';
import type { Limits } from '../../core/limits.ts';
import { connectionTrouble, redisFailure, unavailable } from './failure.ts';
import { describeRedis, type RedisSettings } from './settings.ts';

export type RedisLimits = Pick<Limits, 'redisCallMs' | 'redisConnectMs' | 'redisRetryMs' | 'redisCalls'>;

const FIRST_RETRY_MS = 50;

/**
 * A connection that comes back by itself. Nothing waits for ever: a call takes `redisCallMs` at most, and what a Redis
 * that is frozen or cut off has not answered by then fails with the whole connection. Nothing is sent twice,
 * and nothing queues up while there is no connection. A call that failed may have been done nevertheless.
 */
export class RedisConnection {
  readonly settings: RedisSettings;
  readonly limits: RedisLimits;
  readonly #redis: Redis | Cluster;
  readonly #callMs: number;
  readonly #where: string;
  #lastError = '';
  #calls = 0;
  /** One for all calls that wait. */
  #connecting: Promise<void> | undefined;

  /** `blockMs`: how long a call may wait inside Redis (XREAD BLOCK) beyond what calls may take anyway. */
  constructor(settings: RedisSettings, limits: RedisLimits, blockMs: number) {
    this.settings = settings;
    this.limits = limits;
    this.#callMs = limits.redisCallMs + blockMs;
    this.#where = describeRedis(settings);
    this.#redis = open(settings, limits, this.#callMs);
    this.#redis.on('error', (error: unknown) => {
      this.#lastError = connectionTrouble(error);
    });
    this.#redis.on('ready', () => {
      this.#lastError = '';
    });
  }

  /** All keys of an installation are in one slot, so that one script may change any of them: `{shoal}:name`. */
  key(name: string): string {
    return `{${this.settings.prefix}}:${name}`;
  }

  /** Another connection to the same place, for calls that wait inside Redis. */
  forWaiting(blockMs: number): RedisConnection {
    return new RedisConnection(this.settings, this.limits, blockMs);
  }

  /** STORE_UNAVAILABLE when Redis doesn't do it in time. `what` names the call in messages. */
  async call<T>(what: string, action: (redis: Redis | Cluster) => Promise<T>): Promise<T> {
    if (this.#calls >= this.limits.redisCalls)
      throw unavailable(this.#where, `${this.#calls} calls are under way already (limit redisCalls)`);
    this.#calls++;
    const late = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      late.reject(unavailable(this.#where, `no answer within ${this.#callMs} ms (${what})`));
    }, this.#callMs);
    try {
      return await Promise.race([this.#connected().then(() => action(this.#redis)), late.promise]);
    } catch (error) {
      throw redisFailure(this.#where, what, error);
    } finally {
      clearTimeout(timer);
      this.#calls--;
    }
  }

  close(): void {
    this.#redis.disconnect();
  }

  /** Waits for a connection that is being made; without one it fails at once. */
  async #connected(): Promise<void> {
    const redis = this.#redis;
    if (redis.status === 'ready') return;
    if (redis.status === 'connecting' || redis.status === 'connect') {
      this.#connecting ??= this.#decided().finally(() => {
        this.#connecting = undefined;
      });
      await this.#connecting;
    }
    if ((redis.status as string) === 'ready') return;
    throw unavailable(this.#where, `no connection${this.#lastError === '' ? '' : ` (${this.#lastError})`}`);
  }

  /** Resolves when the connection that is being made is there, or isn't. */
  #decided(): Promise<void> {
    const redis = this.#redis;
    return new Promise((resolve) => {
      const events = ['ready', 'close', 'end'] as const;
      const done = (): void => {
        for (const event of events) redis.off(event, done);
        resolve();
      };
      for (const event of events) redis.on(event, done);
    });
  }
}

export function connectRedis(settings: RedisSettings, limits: RedisLimits): RedisConnection {
  return new RedisConnection(settings, limits, 0);
}

/** Apart from each other, so that a fleet doesn't come back in one moment. */
function retryMs(limits: RedisLimits, attempt: number): number {
  const ms = Math.min(limits.redisRetryMs, FIRST_RETRY_MS * 2 ** Math.min(attempt, 20));
  return Math.ceil(ms * (0.5 + Math.random() / 2));
}

function open(settings: RedisSettings, limits: RedisLimits, callMs: number): Redis | Cluster {
  const { kind, nodes, tls, db, username, password, master, sentinelPassword } = settings;
  const retryStrategy = (attempt: number): number => retryMs(limits, attempt);
  const options = {
    db,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: {} } : {}),
    connectTimeout: limits.redisConnectMs,
    // A socket that owes an answer for so long is dropped, with all that waits for it.
    socketTimeout: callMs,
    autoResendUnfulfilledCommands: false,
    // With 0, what was under way when the connection broke fails then.
    maxRetriesPerRequest: 0,
    // A master that has become a replica: connect anew, to whoever is master now.
    reconnectOnError: (error: Error): boolean => error.message.startsWith('READONLY'),
  };
  if (kind === 'cluster') {
    return new Cluster([...nodes], {
      redisOptions: options,
      clusterRetryStrategy: retryStrategy,
      enableOfflineQueue: false,
      slotsRefreshTimeout: limits.redisConnectMs,
      // Names in a certificate are checked against what was dialled; the nodes' addresses would not be in it.
      ...(tls ? { dnsLookup: (address, found) => found(null, address) } : {}),
    });
  }
  const single = { ...options, enableOfflineQueue: false, retryStrategy };
  if (kind === 'single') return new Redis({ ...single, ...nodes[0] });
  return new Redis({
    ...single,
    sentinels: [...nodes],
    name: master ?? '',
    sentinelRetryStrategy: retryStrategy,
    sentinelCommandTimeout: limits.redisCallMs,
    ...(sentinelPassword === undefined ? {} : { sentinelPassword }),
    ...(tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
  });
}
