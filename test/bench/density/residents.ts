import { DEFAULT_MIX, KINDS, type Mix } from '../../../sim/workload/mix.ts';
import type { WorkerState } from '../../../src/wire/control.ts';
import { FrameClient, outputsOf } from '../../support/frame-client.ts';
import { startTestWorker, type TestWorker, TOKEN } from '../../support/worker-process.ts';
import { median } from '../harness.ts';
import { type BenchModel, type ExecutorName, storeModels } from './models.ts';

const SEED = 5;
const GIB = 1024 ** 3;
const DISTINCT = 200;
/** Loaded before the first figure is taken: what is needed once is no model's. */
const FIRST = 40;
const IN_FLIGHT = 8;
const TIMED_MODELS = 60;

interface Count {
  readonly name: string;
  readonly mix: Mix;
  readonly plans: number;
  readonly sessions: number;
}

const NO_BIG: Mix = { ...DEFAULT_MIX, network: 0 };

const COUNTS: readonly Count[] = [
  { name: 'linear', mix: only('linear'), plans: 100_000, sessions: 4_000 },
  { name: 'small-trees', mix: only('small-trees'), plans: 10_000, sessions: 1_000 },
  { name: 'large-trees', mix: only('large-trees'), plans: 400, sessions: 40 },
  { name: 'mix without big', mix: NO_BIG, plans: 4_000, sessions: 300 },
];

/** What a model costs a worker, by kind and executor. */
interface Figures {
  readonly residentBytes: number;
  readonly diskBytes: number;
  readonly loadUs: number;
  readonly coldUs: number;
  readonly runUs: number;
  readonly run100Us: number;
  /** One request at a time: there and back, lane and all. */
  readonly roundTripUs: number;
}

export async function benchResidents(): Promise<void> {
  console.log('\none worker (2 lanes); medians of one request at a time; resident from the growth of RSS:');
  console.log(
    '  kind             executor | resident B  disk B | load us   cold us | run 1 row  100 rows us | there and back us',
  );
  for (const { name, mix, plans, sessions } of COUNTS) {
    const plan = await measure('plan', mix, plans);
    const session = await measure('session', mix, sessions);
    print(name, 'plan', plan);
    print(name, 'session', session);
    const times = (figure: keyof Figures): string => (session[figure] / plan[figure]).toFixed(1);
    console.log(
      `  ${''.padEnd(16)} session / plan: resident ${times('residentBytes')}, disk ${times('diskBytes')}, load ${times('loadUs')}, cold ${times('coldUs')}, ` +
        `1 row ${times('runUs')}, 100 rows ${times('run100Us')}, there and back ${times('roundTripUs')}`,
    );
  }
}

async function measure(executor: ExecutorName, mix: Mix, count: number): Promise<Figures> {
  const worker = await startTestWorker({ lanes: 2, budgetBytes: 12 * GIB });
  try {
    const models = await storeModels(worker, executor, {
      seed: SEED,
      mix,
      count: count + FIRST + TIMED_MODELS,
      distinct: DISTINCT,
    });
    const client = await FrameClient.connect(worker.address, TOKEN);
    await loadAll(client, models.slice(0, FIRST));
    const before = await stateOf(worker);
    await loadAll(client, models.slice(FIRST, FIRST + count));
    const full = await stateOf(worker);
    const times = await timesOf(client, models.slice(FIRST + count));
    await client.close();
    const diskBytes = models.reduce((sum, { bytes }) => sum + bytes, 0) / models.length;
    return { residentBytes: (full.rssBytes - before.rssBytes) / count, diskBytes, ...times };
  } finally {
    await worker.dispose();
  }
}

async function timesOf(
  client: FrameClient,
  models: readonly BenchModel[],
): Promise<Omit<Figures, 'residentBytes' | 'diskBytes'>> {
  const loadUs: number[] = [];
  const coldUs: number[] = [];
  const runUs: number[] = [];
  const run100Us: number[] = [];
  const roundTripUs: number[] = [];
  for (const { key, residentBytes, oneRow, hundredRows } of models) {
    const one = { key, residentBytes, tensors: oneRow };
    const [cold, tookUs] = await timed(client, one);
    loadUs.push(cold.loadUs);
    coldUs.push(tookUs);
    for (let round = 0; round < 10; round++) {
      const [warm, tookUs] = await timed(client, one);
      runUs.push(warm.runUs);
      roundTripUs.push(tookUs);
    }
    for (let round = 0; round < 3; round++)
      run100Us.push((await timed(client, { key, residentBytes, tensors: hundredRows }))[0].runUs);
  }
  const of = median;
  return {
    loadUs: of(loadUs),
    coldUs: of(coldUs),
    runUs: of(runUs),
    run100Us: of(run100Us),
    roundTripUs: of(roundTripUs),
  };
}

async function timed(client: FrameClient, ask: Parameters<FrameClient['ask']>[0]) {
  const startedMs = performance.now();
  const answer = await client.ask(ask);
  const tookUs = (performance.now() - startedMs) * 1_000;
  outputsOf(answer);
  return [answer, tookUs] as const;
}

async function loadAll(client: FrameClient, models: readonly BenchModel[]): Promise<void> {
  const left = models.values();
  const load = async (): Promise<void> => {
    for (const { key, residentBytes, oneRow } of left) {
      const ask = { key, residentBytes, tensors: oneRow, timeoutMs: 60_000 };
      let answer = await client.ask(ask);
      // A load of hundreds of milliseconds sends the others to the next worker, which here is the same.
      while (!answer.result.ok && answer.result.code === 'OVERLOADED') answer = await client.ask(ask);
      outputsOf(answer);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, load));
}

async function stateOf(worker: TestWorker): Promise<WorkerState> {
  return (await (await worker.call('/state')).json()) as WorkerState;
}

function only(kind: (typeof KINDS)[number]): Mix {
  return Object.fromEntries(KINDS.map((one) => [one, one === kind ? 1 : 0])) as Mix;
}

function print(name: string, executor: string, figures: Figures): void {
  const { residentBytes, diskBytes, loadUs, coldUs, runUs, run100Us, roundTripUs } = figures;
  const cell = (value: number, width: number, digits = 0): string => value.toFixed(digits).padStart(width);
  console.log(
    `  ${name.padEnd(16)} ${executor.padEnd(8)} | ${cell(residentBytes, 10)} ${cell(diskBytes, 7)} | ${cell(loadUs, 7)} ${cell(coldUs, 9)} | ` +
      `${cell(runUs, 9, 1)} ${cell(run100Us, 12, 1)} | ${cell(roundTripUs, 17)}`,
  );
}
