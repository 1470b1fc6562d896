import { DEFAULT_MIX, KINDS, type Mix } from '../../sim/workload/mix.ts';
import type { WorkerState } from '../../src/wire/control.ts';
import { WORKER_ENV } from '../../src/wire/worker-process.ts';
import { soak } from '../soak/soak.ts';
import { FrameClient, outputsOf } from '../support/frame-client.ts';
import { type SimCopy, storeSimModels } from '../support/sim-copies.ts';
import { until } from '../support/until.ts';
import { startTestWorker, type TestWorker, TOKEN } from '../support/worker-process.ts';

const SEED = 5;
const GIB = 1024 ** 3;
const MIB = 1024 ** 2;
const COUNTS = { linear: 4_000, 'small-trees': 1_000, 'large-trees': 40, network: 60, mix: 300 } as const;
const DISTINCT = 300;
/** Loaded before the first figure is taken, so that what the libraries need once is no model's. */
const FIRST = 20;
const IN_FLIGHT = 8;
/** Longer than the loads of one kind take. */
const IDLE_TTL_MS = 30_000;
const SETTLE_MS = 5_000;
const CHURN = { loads: 1_500, seed: SEED, budgetBytes: 384 * MIB, mix: DEFAULT_MIX, idleTtlMs: 10_000 };

/** What resident models really take, against what admission measured; and what is left when all are evicted. */
export async function benchMemory(): Promise<void> {
  console.log('resident models of one worker (2 lanes), RSS in MiB:');
  console.log('  kind         models | KiB a model   per GiB | counted / real | before   full  all evicted');
  for (const kind of [...KINDS, 'mix'] as const) {
    const mix =
      kind === 'mix'
        ? DEFAULT_MIX
        : (Object.fromEntries(KINDS.map((one) => [one, one === kind ? 1 : 0])) as Mix);
    await residentModels(kind, mix, COUNTS[kind]);
  }
  console.log(`\n${CHURN.loads} loads of the default mix under a budget of ${CHURN.budgetBytes / MIB} MiB:`);
  const ours = await churn('malloc as workers are started', WORKER_ENV);
  const plain = await churn('malloc as it comes', {});
  console.log(`  ratio of highest RSS: ${(ours / plain).toFixed(2)}\n`);
}

async function residentModels(name: string, mix: Mix, count: number): Promise<void> {
  const worker = await startTestWorker({ lanes: 2, budgetBytes: 8 * GIB, idleTtlMs: IDLE_TTL_MS });
  try {
    const models = await storeSimModels(worker, {
      seed: SEED,
      mix,
      count: count + FIRST,
      distinct: DISTINCT,
    });
    await loadAll(worker, models.slice(0, FIRST));
    const before = await stateOf(worker);
    await loadAll(worker, models.slice(FIRST));
    const full = await stateOf(worker);
    if (full.residentModels !== models.length)
      throw new Error(`${full.residentModels} of ${models.length} are resident`);
    const realBytes = full.rssBytes - before.rssBytes;
    const countedBytes = full.residentBytes - before.residentBytes;
    await until('all are evicted', async () => (await stateOf(worker)).residentModels === 0, 10_000);
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    const after = await stateOf(worker);
    const cells = [
      `  ${name.padEnd(12)} ${String(count).padStart(6)}`,
      `${(realBytes / count / 1024).toFixed(0).padStart(11)} ${((count * GIB) / realBytes).toFixed(0).padStart(9)}`,
      (countedBytes / realBytes).toFixed(2).padStart(14),
      `${mib(before.rssBytes)} ${mib(full.rssBytes)} ${mib(after.rssBytes).padStart(12)}`,
    ];
    console.log(cells.join(' | '));
  } finally {
    await worker.dispose();
  }
}

async function loadAll(worker: TestWorker, models: readonly SimCopy[]): Promise<void> {
  const client = await FrameClient.connect(worker.address, TOKEN);
  const left = models.values();
  const load = async (): Promise<void> => {
    for (const { key, residentBytes, tensors } of left) {
      const ask = { key, residentBytes, tensors, timeoutMs: 60_000 };
      let answer = await client.ask(ask);
      // A load of hundreds of milliseconds sends the others to the next worker, which here is the same.
      while (!answer.result.ok && answer.result.code === 'OVERLOADED') answer = await client.ask(ask);
      outputsOf(answer);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, load));
  await client.close();
}

async function churn(name: string, env: Readonly<Record<string, string>>): Promise<number> {
  const result = await soak({ ...CHURN, env, onReport: () => undefined });
  const { beforeBytes, highestRssBytes, afterBytes, loads, seconds, trims } = result;
  console.log(
    `  ${name.padEnd(30)} before ${mib(beforeBytes)}  highest ${mib(highestRssBytes)}  all evicted ${mib(afterBytes)} MiB  ` +
      `${(loads / seconds).toFixed(0)} loads/s, ${trims} trims`,
  );
  return highestRssBytes;
}

async function stateOf(worker: TestWorker): Promise<WorkerState> {
  return (await (await worker.call('/state')).json()) as WorkerState;
}

function mib(bytes: number): string {
  return (bytes / MIB).toFixed(0).padStart(6);
}
