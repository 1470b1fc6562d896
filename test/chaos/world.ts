import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Blackhole, startBlackhole } from '../support/blackhole.ts';
import { type Fleet, FLEET_LIMITS, startStores } from '../support/fleet.ts';
import type { FleetProcess } from '../support/fleet-process.ts';
import { freePort } from '../support/free-port.ts';
import { Calls, type Reply } from './calls.ts';
import type { FleetSize } from './plan.ts';

const ASK_AGAIN_MS = 200;

/** A router or manager as its callers see it. */
export interface Entry {
  readonly process: FleetProcess;
  readonly calls: Calls;
  /** Told by nobody to end, and not being ended. */
  isIn: boolean;
  /** Counts its starts: another start is another process. */
  starts: number;
}

/** The fleet under chaos: what its clients reach, and between routers and each worker a network that can be cut. */
export class World {
  readonly fleet: Fleet;
  readonly routers: Entry[] = [];
  readonly managers: Entry[] = [];
  readonly networks: Blackhole[] = [];
  #isOver = false;

  private constructor(fleet: Fleet) {
    this.fleet = fleet;
  }

  static async start(size: FleetSize): Promise<World> {
    // Redis acknowledges what is on its disk: what it loses is lost by wiping.
    const world = new World(await startStores({ redis: { aof: true } }));
    try {
      await world.#start(size);
      return world;
    } catch (error) {
      await world[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where a client that knows what a load balancer knows sends to. */
  get openEntries(): Calls[] {
    return [...this.routers, ...this.managers].filter(({ isIn }) => isIn).map(({ calls }) => calls);
  }

  /** How long routers may go on to miss a worker that all of them have seen again. */
  get forgetMs(): number {
    return FLEET_LIMITS.memberLeaseMs ?? 0;
  }

  /** Resolves when every router has the worker among its members; to false when the world ends before. */
  async knownAgain(worker: string): Promise<boolean> {
    while (!this.#isOver) {
      const replies = await Promise.all(this.routers.map(({ calls }) => calls.send('GET', '/v1/workers')));
      const knows = ({ status, text }: Reply): boolean =>
        status === 200 &&
        (JSON.parse(text) as { workers: { id: string }[] }).workers.some(({ id }) => id === worker);
      if (replies.every(knows)) return true;
      await sleep(ASK_AGAIN_MS);
    }
    return false;
  }

  /** What routers say of the workers and of themselves. */
  async diagnosis(): Promise<string> {
    const views = this.routers.map(async ({ calls, process }) => {
      const [workers, metrics] = await Promise.all([
        calls.send('GET', '/v1/workers'),
        calls.send('GET', '/metrics'),
      ]);
      const own = metrics.text.split('\n').filter((line) => /^shoal_(router|members|leader)/.test(line));
      return [`--- ${process.name}`, workers.text, ...own].join('\n');
    });
    return (await Promise.all(views)).join('\n');
  }

  /** Everything that Redis had, its disk included. */
  async wipeRedis(): Promise<void> {
    const { redis } = this.fleet;
    await redis.kill();
    const files = (await readdir(redis.directory)).filter((file) => file !== 'redis.conf');
    await Promise.all(files.map((file) => rm(join(redis.directory, file), { recursive: true })));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    await Promise.all([...this.routers, ...this.managers].map(({ calls }) => calls.close()));
    await this.fleet[Symbol.asyncDispose]();
    await Promise.all(this.networks.map((network) => network.close()));
  }

  async #start({ routers, workers, managers }: FleetSize): Promise<void> {
    const { fleet } = this;
    const processes: FleetProcess[] = [];
    for (let index = 0; index < workers; index++) {
      const port = await freePort();
      const network = await startBlackhole(`http://127.0.0.1:${port}`);
      this.networks.push(network);
      const args = ['--port', String(port), '--advertise', network.address];
      processes.push(await fleet.add('worker', { args }));
    }
    for (let index = 0; index < managers; index++) processes.push(await fleet.add('manager'));
    for (let index = 0; index < routers; index++) processes.push(await fleet.add('router'));
    await Promise.all(processes.map((process) => process.start()));
    await Promise.all(processes.map((process) => process.ready()));
    this.routers.push(...fleet.routers.map(entryOf));
    this.managers.push(...fleet.managers.map(entryOf));
  }
}

function entryOf(process: FleetProcess): Entry {
  return { process, calls: new Calls(process.origin), isIn: true, starts: 1 };
}
