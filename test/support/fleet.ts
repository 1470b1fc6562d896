import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Limits } from '../../src/core/limits.ts';
import { FleetProcess, type Role } from './fleet-process.ts';
import { freePort } from './free-port.ts';
import { RedisServer, type RedisServerOptions } from './redis-server.ts';
import { S3_OTHER_BUCKET, S3Server } from './s3-server.ts';

/** So that leases and patience are over soon. */
export const FLEET_LIMITS: Partial<Limits> = {
  leaveMs: 500,
  memberLeaseMs: 3_000,
  memberPollMs: 100,
  leaderLeaseMs: 1_500,
  redisRetryMs: 200,
};

export interface FleetOptions {
  /** How many of each; one by default. */
  readonly routers?: number;
  readonly workers?: number;
  readonly managers?: number;
  /** Workers take them in turn. */
  readonly zones?: readonly string[];
  /** Beside and over FLEET_LIMITS, for every process. */
  readonly limits?: Partial<Limits>;
  /** More flags of all that have this role. */
  readonly args?: Partial<Record<Role, readonly string[]>>;
  /** More environment of every process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly redis?: RedisServerOptions;
}

export interface AddOptions {
  readonly args?: readonly string[];
  readonly zone?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/**
 * A fleet of real processes on a Redis and an S3 server of its own, all on 127.0.0.1. Workers are `w0`, `w1`, ... and
 * keep name, port and data over restarts.
 */
export class Fleet {
  readonly redis: RedisServer;
  readonly s3: S3Server;
  readonly routers: FleetProcess[] = [];
  readonly workers: FleetProcess[] = [];
  readonly managers: FleetProcess[] = [];
  /** `shoal up` on the fleet's stores. */
  readonly ups: FleetProcess[] = [];
  /** What every process of the fleet has in its environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly #options: FleetOptions;
  readonly #directory: string;

  constructor(redis: RedisServer, s3: S3Server, directory: string, options: FleetOptions) {
    this.redis = redis;
    this.s3 = s3;
    this.#directory = directory;
    this.#options = options;
    this.env = {
      ...s3.env(),
      SHOAL_REGISTRY: redis.url,
      SHOAL_TOKEN: 'the-secret-of-a-test-fleet',
      ...options.env,
    };
  }

  get processes(): FleetProcess[] {
    return [...this.routers, ...this.workers, ...this.managers, ...this.ups];
  }

  /** One more of a role, not started yet. */
  async add(role: Role, { args = [], zone, env }: AddOptions = {}): Promise<FleetProcess> {
    const known = { router: this.routers, worker: this.workers, manager: this.managers, up: this.ups }[role];
    const index = known.length;
    const name = `${role[0]}${index}`;
    const { zones = ['a', 'b'], limits } = this.#options;
    const data = ['--data', path.join(this.#directory, name)];
    const place = ['--zone', zone ?? zones[index % zones.length] ?? 'a', ...data];
    const own: Readonly<Record<Role, readonly string[]>> = {
      router: [],
      worker: ['--id', name, '--lanes', '1', '--memory', '128MiB', ...place],
      manager: ['--id', name, '--allow-root', `s3://${S3_OTHER_BUCKET}`],
      up: ['--id', name, '--workers', '1', '--lanes', '1', '--memory', '128MiB', ...place],
    };
    const limitArgs = Object.entries({ ...FLEET_LIMITS, ...limits }).flatMap((limit) => [
      '--limit',
      limit.join('='),
    ]);
    const made = new FleetProcess({
      role,
      name,
      args: [
        '--host',
        '127.0.0.1',
        ...own[role],
        ...limitArgs,
        ...(this.#options.args?.[role] ?? []),
        ...args,
      ],
      env: { ...this.env, ...env },
      ports: await portsOf(role),
    });
    known.push(made);
    return made;
  }

  /** Adds, starts and waits until they are ready. */
  async scale(role: Role, count: number, options: AddOptions = {}): Promise<FleetProcess[]> {
    const added: FleetProcess[] = [];
    for (let index = 0; index < count; index++) added.push(await this.add(role, options));
    await Promise.all(added.map((each) => each.start()));
    await Promise.all(added.map((each) => each.ready()));
    return added;
  }

  /** What everybody wrote, for a test that failed. */
  get log(): string {
    return this.processes.map(({ name, log }) => `--- ${name}\n${log}`).join('\n');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.processes.map((each) => each.kill('SIGKILL')));
    await Promise.all([this.redis.close(), this.s3.close()]);
    await rm(this.#directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
  }
}

/** Redis, S3 and all processes, ready. */
export async function startFleet(options: FleetOptions = {}): Promise<Fleet> {
  const fleet = await startStores(options);
  try {
    const { routers = 1, workers = 1, managers = 1 } = options;
    // A router is ready with its first worker, whatever comes first.
    await Promise.all([
      fleet.scale('manager', managers),
      fleet.scale('worker', workers),
      fleet.scale('router', routers),
    ]);
    return fleet;
  } catch (error) {
    await fleet[Symbol.asyncDispose]();
    throw error;
  }
}

/** Redis and S3 alone; processes are added by the test. */
export async function startStores(options: FleetOptions = {}): Promise<Fleet> {
  const directory = await mkdtemp(path.join(tmpdir(), 'shoal-fleet-'));
  const [redis, s3] = await Promise.all([RedisServer.start(options.redis), S3Server.start()]);
  return new Fleet(redis, s3, directory, options);
}

async function portsOf(role: Role): Promise<Record<string, number>> {
  const port = await freePort();
  return role === 'worker' ? { '--port': port, '--ops-port': await freePort() } : { '--port': port };
}
