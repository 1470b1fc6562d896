import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Registry } from 'prom-client';
import { ArtifactMaker } from '../../sim/models/artifacts.ts';
import type { Kind } from '../../sim/workload/mix.ts';
import { STRUCTURES } from '../../sim/workload/structures.ts';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { prepareArtifact } from '../../src/model/onnx/prepare.ts';
import { estimateResidentBytes } from '../../src/runtime/resident-memory.ts';
import { CrashJournal } from '../../src/wire/crash-journal.ts';
import { sectionBytes, writeSection } from '../../src/wire/tensor-section.ts';
import type { LaneRun } from '../../src/worker/lane/batch.ts';
import { HeldModels } from '../../src/worker/lane/held.ts';
import { ProvenVersions } from '../../src/worker/lane/proven.ts';
import { Suspects } from '../../src/worker/lane/suspects.ts';
import { Lanes, type Placed } from '../../src/worker/lanes.ts';
import { makeWorkerMetrics } from '../../src/worker/metrics.ts';
import { feedsOf, loadArtifact, loadCase } from '../support/cases.ts';
import { median } from './harness.ts';

/** The warm model that is asked for, and what is loaded and released over and over beside it. */
const WARM_MODELS = 20;
const COLD_KINDS: readonly Kind[] = ['linear', 'small-trees', 'large-trees', 'network'];
const ARTIFACTS_PER_KIND = 3;
const RUNS_PER_SECOND = 1_000;
const CLIENTS = 32;
const MEASURE_MS = 4_000;
const ROUNDS = 3;

interface Measured {
  readonly runsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly loadsPerSecond: number;
}

interface ColdModel {
  readonly bytes: Uint8Array;
  readonly residentBytes: number;
}

/** `npm run bench loads`: what runs of small warm models feel of loads in the same worker. */
export async function benchLoads(): Promise<void> {
  const cold = coldModels();
  console.log(
    `runs of ${WARM_MODELS} warm models while ${COLD_KINDS.join(', ')} are loaded and released, a worker of one lane\n`,
  );
  for (const traffic of ['open', 'closed'] as const) {
    const title =
      traffic === 'open' ? `${RUNS_PER_SECOND} runs/s whatever happens` : `${CLIENTS} clients, all it can`;
    const rows: [string, Measured[]][] = [
      ['no loads', []],
      ['loads, same lane', []],
      ['loads, heavy lane', []],
    ];
    for (let round = 0; round < ROUNDS; round++) {
      rows[0]?.[1].push(await measure(1, [], traffic));
      rows[1]?.[1].push(await measure(0, cold, traffic));
      rows[2]?.[1].push(await measure(1, cold, traffic));
    }
    console.log(
      title.padEnd(32),
      'runs/s'.padStart(9),
      'p50 ms'.padStart(9),
      'p99 ms'.padStart(9),
      'loads/s',
    );
    for (const [what, all] of rows) {
      const of = (field: keyof Measured): number => median(all.map((one) => one[field]));
      console.log(
        what.padEnd(32),
        of('runsPerSecond').toFixed(0).padStart(9),
        of('p50Ms').toFixed(2).padStart(9),
        of('p99Ms').toFixed(2).padStart(9),
        of('loadsPerSecond').toFixed(0).padStart(7),
      );
    }
    console.log();
  }
}

function coldModels(): ColdModel[] {
  const maker = new ArtifactMaker(7);
  return Array.from({ length: ARTIFACTS_PER_KIND }, (_, number) =>
    COLD_KINDS.map((kind) => {
      const structures = STRUCTURES[kind];
      const structure = structures[number % structures.length] as (typeof structures)[number];
      const { bytes } = prepareArtifact(maker.make({ structure, number }));
      const weightBytes = kind === 'network' ? bytes.byteLength : 0;
      return { bytes, residentBytes: estimateResidentBytes(bytes.byteLength, weightBytes) };
    }),
  ).flat();
}

async function measure(
  heavy: number,
  cold: readonly ColdModel[],
  traffic: 'open' | 'closed',
): Promise<Measured> {
  const directory = await mkdtemp(path.join(tmpdir(), 'shoal-bench-loads-'));
  const journal = new CrashJournal(path.join(directory, 'journal'), 1 + heavy);
  const lanes = new Lanes({
    light: 1,
    heavy,
    clock: () => performance.now(),
    // On a machine that does other work besides, a load may take long: it is measured, not sent elsewhere.
    limits: { ...DEFAULT_LIMITS, laneOverrunMs: DEFAULT_LIMITS.laneHangMs },
    metrics: makeWorkerMetrics(new Registry()),
    held: new HeldModels(),
    suspects: new Suspects(),
    proven: new ProvenVersions(DEFAULT_LIMITS.provenVersions),
    journalFd: journal.fd,
    onLost(error) {
      throw error;
    },
  });
  await lanes.ready();
  const warm: Placed[] = [];
  for (let number = 0; number < WARM_MODELS; number++) {
    const bytes = prepareArtifact(loadArtifact('churn-logreg')).bytes;
    warm.push(await load(lanes, { bytes, residentBytes: 100_000 }, `warm-${number}`));
  }
  const stop = new AbortController();
  const loads = { count: 0 };
  // As a worker does: several loads under way, so that a lane always has one waiting.
  const loaders =
    cold.length === 0 ? [] : [0, 1, 2, 3].map((at) => thrash(lanes, cold, at, loads, stop.signal));
  const times = traffic === 'open' ? await openTraffic(warm) : await closedTraffic(warm);
  stop.abort();
  const loadsPerSecond = (loads.count * 1_000) / MEASURE_MS;
  await Promise.all(loaders);
  await lanes.close();
  journal.close();
  await rm(directory, { recursive: true });
  times.sort((a, b) => a - b);
  return {
    runsPerSecond: (times.length * 1_000) / MEASURE_MS,
    p50Ms: times[Math.floor(times.length / 2)] ?? Number.NaN,
    p99Ms: times[Math.floor(times.length * 0.99)] ?? Number.NaN,
    loadsPerSecond,
  };
}

async function load(lanes: Lanes, model: ColdModel, key: string): Promise<Placed> {
  const placed = lanes.place(model.residentBytes);
  await placed.lane.load(key, placed.handle, Uint8Array.from(model.bytes));
  return placed;
}

async function thrash(
  lanes: Lanes,
  cold: readonly ColdModel[],
  from: number,
  loads: { count: number },
  signal: AbortSignal,
): Promise<void> {
  for (let at = from; !signal.aborted; at++) {
    const model = cold[at % cold.length] as ColdModel;
    const placed = await load(lanes, model, `cold-${at}`);
    loads.count++;
    await placed.lane.release(placed.handle);
    lanes.unplace(placed, model.residentBytes);
  }
}

/** Due at even times: latency counts from then. */
async function openTraffic(warm: readonly Placed[]): Promise<number[]> {
  const times: Promise<number>[] = [];
  const startMs = performance.now();
  const total = (MEASURE_MS * RUNS_PER_SECOND) / 1_000;
  while (times.length < total) {
    const dueMs = startMs + (times.length * 1_000) / RUNS_PER_SECOND;
    if (dueMs > performance.now()) await new Promise((resolve) => setTimeout(resolve, 1));
    else times.push(run(warm[times.length % warm.length] as Placed, dueMs));
  }
  return Promise.all(times);
}

async function closedTraffic(warm: readonly Placed[]): Promise<number[]> {
  const times: number[] = [];
  const endMs = performance.now() + MEASURE_MS;
  const client = async (at: number): Promise<void> => {
    for (let next = at; performance.now() < endMs; next += CLIENTS)
      times.push(await run(warm[next % warm.length] as Placed, performance.now()));
  };
  await Promise.all(Array.from({ length: CLIENTS }, (_, at) => client(at)));
  return times;
}

const feeds = feedsOf(loadCase('churn-logreg'));
const section = Buffer.alloc(sectionBytes(feeds));
writeSection(section, 0, feeds);

function run(placed: Placed, sinceMs: number): Promise<number> {
  return new Promise((resolve, reject) => {
    const laneRun: LaneRun = {
      key: `warm-${placed.handle}`,
      tenant: `tenant-${placed.handle}`,
      model: placed,
      section,
      partRows: 0,
      background: false,
      expiresAtMs: Number.POSITIVE_INFINITY,
      begin: () => undefined,
      end: (outcome) =>
        outcome.ok ? resolve(performance.now() - sinceMs) : reject(new Error(outcome.failure.message)),
    };
    placed.lane.run(laneRun);
  });
}
