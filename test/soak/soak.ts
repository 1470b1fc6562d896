import { readFile } from 'node:fs/promises';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import type { WorkerState } from '../../src/wire/control.ts';
import type { Mix } from '../../sim/workload/mix.ts';
import { Rng } from '../../sim/workload/rng.ts';
import { FrameClient } from '../support/frame-client.ts';
import { type SimCopy, storeSimModels } from '../support/sim-copies.ts';
import { until } from '../support/until.ts';
import { startTestWorker, type TestWorker, TOKEN } from '../support/worker-process.ts';

export interface SoakPlan {
  readonly loads: number;
  readonly seed: number;
  readonly budgetBytes: number;
  readonly mix: Mix;
  /** At the end so long passes until every model is evicted. */
  readonly idleTtlMs: number;
  /** What the worker is started with, if not as ever. */
  readonly env?: Readonly<Record<string, string>>;
  readonly onReport: (report: SoakReport) => void;
}

export interface SoakReport {
  readonly loads: number;
  readonly refused: number;
  readonly seconds: number;
  readonly rssBytes: number;
  readonly highestRssBytes: number;
  readonly countedBytes: number;
  readonly trims: number;
}

export interface SoakResult extends SoakReport {
  /** Budget and overhead. */
  readonly promisedBytes: number;
  readonly beforeBytes: number;
  /** With every model evicted. */
  readonly afterBytes: number;
  /** What the highest resident set has risen by in the second half of the loads: near 0 unless something is kept. */
  readonly lateGrowthBytes: number;
}

/** All models together take so many budgets: three in four requests find their model cold. */
const OVERSIZE = 4;
const DISTINCT = 64;
const IN_FLIGHT = 16;
const LOOK_MS = 200;
const LOOKS_A_REPORT = 50;
/** After the last eviction: the time that the samples and the trim take, with much to spare. */
const SETTLE_LOOKS = 20;

/** One real worker process, driven by frames, that loads and evicts until it has done so `loads` times. */
export async function soak(plan: SoakPlan): Promise<SoakResult> {
  const { budgetBytes, idleTtlMs } = plan;
  const worker = await startTestWorker({ lanes: 2, budgetBytes, idleTtlMs }, [], 2, plan.env);
  try {
    const models = await manyModels(worker, plan);
    const beforeBytes = (await stateOf(worker)).rssBytes;
    const watch = new Watch(worker, plan.onReport);
    await watch.during(drive(worker, models, { ...plan, loads: plan.loads / 2 }, watch));
    const middle = await watch.report();
    await watch.during(drive(worker, models, { ...plan, seed: plan.seed + 1 }, watch));
    const end = await watch.report();
    await until('every model is evicted', async () => (await watch.look()).residentModels === 0, 10_000);
    let afterBytes = Number.POSITIVE_INFINITY;
    for (let look = 0; look < SETTLE_LOOKS; look++) {
      afterBytes = Math.min(afterBytes, (await watch.look()).rssBytes);
      await pause();
    }
    const promisedBytes = budgetBytes + DEFAULT_LIMITS.workerOverheadBytes;
    return {
      ...(await watch.report()),
      promisedBytes,
      beforeBytes,
      afterBytes,
      lateGrowthBytes: end.highestRssBytes - middle.highestRssBytes,
    };
  } finally {
    await worker.dispose();
  }
}

async function manyModels(worker: TestWorker, { seed, mix, budgetBytes }: SoakPlan): Promise<SimCopy[]> {
  const few = await storeSimModels(worker, { seed, mix, count: DISTINCT, distinct: DISTINCT });
  const fewBytes = few.reduce((sum, { residentBytes }) => sum + residentBytes, 0);
  const rounds = Math.ceil((OVERSIZE * budgetBytes) / fewBytes);
  return Array.from({ length: rounds }, (_, round) =>
    few.map((copy) => ({ ...copy, key: copy.key.replace(/^t/, `r${round}-`) })),
  ).flat();
}

/** Asks for models at random until the worker has loaded often enough. */
async function drive(
  worker: TestWorker,
  models: readonly SimCopy[],
  { loads, seed }: SoakPlan,
  watch: Watch,
): Promise<void> {
  const client = await FrameClient.connect(worker.address, TOKEN);
  const rng = new Rng(seed, 'popularity');
  const ask = async (): Promise<void> => {
    while (watch.loads < loads) {
      const { key, residentBytes, tensors } = models[rng.below(models.length)] as SimCopy;
      const { result } = await client.ask({ key, residentBytes, tensors });
      if (result.ok) continue;
      if (result.code === 'OVERLOADED') watch.refused++;
      else throw new Error(`${key}: ${result.code}: ${result.message}`);
    }
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, ask));
  await client.close();
}

/** Looks at the worker's loads and resident set again and again. */
class Watch {
  /** As the worker counts them: of several that wait for one load each has a cold answer. */
  loads = 0;
  refused = 0;
  readonly #worker: TestWorker;
  readonly #onReport: (report: SoakReport) => void;
  readonly #startedMs = performance.now();
  #highestRssBytes = 0;

  constructor(worker: TestWorker, onReport: (report: SoakReport) => void) {
    this.#worker = worker;
    this.#onReport = onReport;
  }

  async during(work: Promise<void>): Promise<void> {
    const done = work.then(() => 'done' as const);
    for (let looks = 1; (await Promise.race([done, pause()])) !== 'done'; looks++) {
      await this.look();
      if (looks % LOOKS_A_REPORT === 0) this.#onReport(await this.report());
    }
  }

  async look(): Promise<WorkerState> {
    const state = await stateOf(this.#worker);
    this.loads = await this.#worker.metric('loads_total');
    this.#highestRssBytes = Math.max(this.#highestRssBytes, state.rssBytes, await peakRssBytes(this.#worker));
    return state;
  }

  async report(): Promise<SoakReport> {
    const { rssBytes, residentBytes } = await this.look();
    return {
      loads: this.loads,
      refused: this.refused,
      seconds: (performance.now() - this.#startedMs) / 1_000,
      rssBytes,
      highestRssBytes: this.#highestRssBytes,
      countedBytes: residentBytes,
      trims: await this.#worker.metric('trims_total'),
    };
  }
}

async function stateOf(worker: TestWorker): Promise<WorkerState> {
  return (await (await worker.call('/state')).json()) as WorkerState;
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}

/** The kernel's own high-water mark; 0 where there is none. */
async function peakRssBytes({ child }: TestWorker): Promise<number> {
  if (process.platform !== 'linux') return 0;
  const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1_024;
}
