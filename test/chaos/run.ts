import { setTimeout as sleep } from 'node:timers/promises';
import { InTurn } from '../../src/core/in-turn.ts';
import { Rng } from '../../sim/workload/rng.ts';
import { runShoal } from '../support/shoal.ts';
import { befall } from './faults.ts';
import { History } from './history.ts';
import { type FleetSize, partOf, type PlannedFault, planFaults } from './plan.ts';
import { Predictor } from './predictor.ts';
import { Registrar } from './registrar.ts';
import { Shards } from './shards.ts';
import { unmet } from './recovery.ts';
import { type Entry, World } from './world.ts';

export interface ChaosOptions {
  readonly seed: number;
  readonly durationMs: number;
  readonly say: (line: string) => void;
}

export interface ChaosResult {
  readonly violations: readonly string[];
  readonly answers: number;
  readonly acknowledged: number;
  readonly deletions: number;
  readonly faults: number;
  readonly errors: Readonly<Record<string, number>>;
  /** From the last mended fault until everything works and is compared. */
  readonly recoveryMs: number;
}

const SIZE: FleetSize = { routers: 2, workers: 4, managers: 2 };
const TENANTS = Array.from({ length: 12 }, (_, index) => `tenant-${index}`);
const SHARD_SIZE = 2;
/** Each router is asked so often; what it doesn't answer in time doesn't hold up the next. */
const ASK_EVERY_MS = 25;
const MAX_ASKED = 200;
const STEP_EVERY_MS = 50;
const RECOVERY_MS = 60_000;
const SAMPLED = 20;

/** One run: a fleet, its clients, faults, an end to the faults, recovery, and what all that came to. */
export async function runChaos({ seed, durationMs, say }: ChaosOptions): Promise<ChaosResult> {
  await using world = await World.start(SIZE);
  const errors: Record<string, number> = {};
  const now = (): number => performance.now();
  let startedAtMs = now();
  const onError = (code: string, what: string): void => {
    const count = (errors[code] = (errors[code] ?? 0) + 1);
    // Some of them, to see what they are about.
    if (count % SAMPLED === 1) say(`${((now() - startedAtMs) / 1_000).toFixed(1)} s, ${code}: ${what}`);
  };
  const workers = world.fleet.workers.map(({ name }, index) => {
    return { id: name, zone: index % 2 === 0 ? 'a' : 'b', weight: 1 };
  });
  const shards = new Shards(workers, SHARD_SIZE);
  const history = new History(now, (tenant, worker, sinceMs) => shards.mayRun(tenant, worker, sinceMs));
  const clients = new Rng(seed, 'clients');
  const registrar = new Registrar({ history, rng: clients, entries: () => world.openEntries, onError });
  await registrar.begin(TENANTS, SHARD_SIZE);
  say(
    `${TENANTS.length} tenants on ${SIZE.routers} routers, ${SIZE.workers} workers, ${SIZE.managers} managers`,
  );

  const load = { isOver: false };
  const predictors = world.routers.map(
    (_, index) => new Predictor({ history, rng: new Rng(seed, 'clients', index + 1), now, onError }),
  );
  const asking = predictors.map((predictor, index) => askOn(predictor, world.routers[index] as Entry, load));
  const registering = (async () => {
    while (!load.isOver) {
      await registrar.step(() => load.isOver);
      await sleep(STEP_EVERY_MS);
    }
  })();
  startedAtMs = now();
  const faults = planFaults(seed, durationMs, SIZE);
  try {
    // Mending takes its time; one of a kind of process is broken at once.
    const parts = new InTurn<string>();
    const clock = { startedAtMs, now, say };
    await Promise.all(
      faults.map((fault) => parts.run(partOf(fault.kind), () => suffer(world, shards, fault, clock))),
    );
    await sleep(Math.max(0, startedAtMs + durationMs - now()));
    const mendedAtMs = now();
    const isWell = await recovered(world, history, predictors, mendedAtMs + RECOVERY_MS, say);
    if (!isWell) say(await world.diagnosis());
    load.isOver = true;
    await Promise.all([...asking, registering]);
    if (isWell) {
      for (const difference of await unmet(world, history)) history.violations.push(difference);
      await verify(world, history);
    }
    const recoveryMs = now() - mendedAtMs;
    const { violations, answers, acknowledged, deletions } = history;
    if (violations.length > 0) say(world.fleet.log);
    return { violations, answers, acknowledged, deletions, faults: faults.length, errors, recoveryMs };
  } finally {
    load.isOver = true;
  }
}

async function suffer(
  world: World,
  shards: Shards,
  { kind, target, atMs, lastsMs }: PlannedFault,
  { startedAtMs, now, say }: { startedAtMs: number; now: () => number; say: (line: string) => void },
): Promise<void> {
  await sleep(Math.max(0, startedAtMs + atMs - now()));
  say(
    `${((now() - startedAtMs) / 1000).toFixed(1)} s: ${kind} ${target}, for ${(lastsMs / 1000).toFixed(1)} s`,
  );
  const mend = await befall(world, shards, kind, target, now);
  await sleep(lastsMs);
  await mend();
}

/** At its own pace, however slow the answers are. */
async function askOn(predictor: Predictor, entry: Entry, load: { isOver: boolean }): Promise<void> {
  const underWay = new Set<Promise<void>>();
  while (!load.isOver) {
    // A load balancer sends nothing to who isn't in.
    if (entry.isIn && underWay.size < MAX_ASKED) {
      const asked = predictor
        .ask(entry.calls, `${entry.process.name}#${entry.starts}`)
        .finally(() => underWay.delete(asked));
      underWay.add(asked);
    }
    await sleep(ASK_EVERY_MS);
  }
  await Promise.all(underWay);
}

/** Whether in time, and for a while, every prediction was answered and changes were acknowledged. */
async function recovered(
  world: World,
  history: History,
  predictors: readonly Predictor[],
  untilMs: number,
  say: (line: string) => void,
): Promise<boolean> {
  let calm = 0;
  while (calm < 3) {
    if (performance.now() > untilMs) {
      history.violations.push(`not recovered ${RECOVERY_MS} ms after the last fault was mended`);
      return false;
    }
    const before = history.acknowledged;
    for (const predictor of predictors) predictor.takeCounts();
    await sleep(1_000);
    const counts = predictors.map((predictor) => predictor.takeCounts());
    const ready = await Promise.all(world.fleet.processes.map((each) => each.readiness()));
    const isCalm =
      counts.every(({ answers, failures }) => answers > 0 && failures === 0) &&
      history.acknowledged > before &&
      ready.every((status) => status === 200);
    calm = isCalm ? calm + 1 : 0;
    if (!isCalm)
      say(`not well yet: ${JSON.stringify({ counts, ready, changes: history.acknowledged - before })}`);
  }
  return true;
}

/** Registry and object store agree, as the operator's own command sees it. */
async function verify({ fleet }: World, history: History): Promise<void> {
  Object.assign(process.env, fleet.env);
  const { code, stdout, stderr } = await runShoal(['registry', 'verify']);
  if (code !== 0) history.violations.push(`shoal registry verify ended with ${code}: ${stdout}${stderr}`);
}
