import type { FleetProcess } from '../support/fleet-process.ts';
import type { FaultKind } from './plan.ts';
import type { Shards } from './shards.ts';
import type { Entry, World } from './world.ts';

/** Mends what was broken; resolves when that is done. */
export type Mend = () => Promise<void>;

type Fault = (world: World, target: number) => Promise<Mend>;

/** What each fault does, and how it is mended. */
const FAULT: Readonly<Record<FaultKind, Fault>> = {
  'kill-redis': async ({ fleet }) => {
    await fleet.redis.kill();
    return () => fleet.redis.restart();
  },
  'wipe-redis': async (world) => {
    await world.wipeRedis();
    return () => world.fleet.redis.restart();
  },
  'freeze-redis': async ({ fleet }) => {
    fleet.redis.freeze();
    return async () => fleet.redis.thaw();
  },
  'kill-s3': async ({ fleet }) => {
    await fleet.s3.kill();
    return () => fleet.s3.restart();
  },
  'freeze-s3': async ({ fleet }) => {
    fleet.s3.freeze();
    return async () => fleet.s3.thaw();
  },
  'kill-router': ({ routers }, target) => killEntry(routers, target),
  'restart-router': ({ routers }, target) => restartEntry(routers, target),
  'kill-manager': ({ managers }, target) => killEntry(managers, target),
  'restart-manager': ({ managers }, target) => restartEntry(managers, target),
  'freeze-manager': async ({ managers }, target) => {
    const { process } = managers[target] as Entry;
    await process.kill('SIGSTOP');
    return async () => void (await process.kill('SIGCONT'));
  },
  'kill-worker': async ({ fleet }, target) => {
    const worker = fleet.workers[target] as FleetProcess;
    await worker.kill();
    return () => worker.start();
  },
  'restart-worker': async ({ fleet }, target) => {
    const worker = fleet.workers[target] as FleetProcess;
    await worker.stop();
    return () => worker.start();
  },
  'freeze-worker': async ({ fleet }, target) => {
    const worker = fleet.workers[target] as FleetProcess;
    await worker.kill('SIGSTOP');
    return async () => void (await worker.kill('SIGCONT'));
  },
  'cut-worker': async ({ networks }, target) => {
    networks[target]?.cut();
    return async () => networks[target]?.heal();
  },
};

/** Workers that routers may take for gone because of it. */
function missed(kind: FaultKind, target: number, workers: readonly FleetProcess[]): readonly string[] {
  if (kind.endsWith('-worker')) return [(workers[target] as FleetProcess).name];
  // A router that starts then knows those that have been announced again.
  return kind === 'wipe-redis' ? workers.map(({ name }) => name) : [];
}

/** Does it now; resolves to how it is mended. */
export async function befall(
  world: World,
  shards: Shards,
  kind: FaultKind,
  target: number,
  now: () => number,
): Promise<Mend> {
  const ids = missed(kind, target, world.fleet.workers);
  const absences = ids.map((id) => [id, shards.mayBeAbsent(id, now())] as const);
  const mend = await FAULT[kind](world, target);
  return async () => {
    await mend();
    // While Redis is away nobody hears of it.
    for (const [id, isBack] of absences)
      void world.knownAgain(id).then((known) => known && isBack(now() + world.forgetMs));
  };
}

async function killEntry(entries: readonly Entry[], target: number): Promise<Mend> {
  const entry = entries[target] as Entry;
  entry.isIn = false;
  await entry.process.kill();
  return () => startEntry(entry);
}

/** As a deployment does it: it says that it is not ready, serves on for a while, and ends. */
async function restartEntry(entries: readonly Entry[], target: number): Promise<Mend> {
  const entry = entries[target] as Entry;
  entry.isIn = false;
  await entry.process.stop();
  return () => startEntry(entry);
}

/** It may take its time to be ready, while others of its kind are broken. */
async function startEntry(entry: Entry): Promise<void> {
  entry.starts++;
  await entry.process.start();
  entry.isIn = true;
}
