import type { EvictionCandidate } from '../../src/core/eviction-order.ts';
import { Rng } from '../workload/rng.ts';
import { modelAt, type Workload } from '../workload/workload.ts';
import { modelsByRank, Zipf } from '../workload/zipf.ts';
import { COSTS } from './costs.ts';

export interface TraceModel extends EvictionCandidate {
  readonly index: number;
  readonly structure: string;
}

/** Which model each request asks for, in order. */
export interface Trace {
  readonly name: string;
  readonly models: readonly TraceModel[];
  readonly requests: Uint32Array;
}

export function traceModels(workload: Workload): TraceModel[] {
  return Array.from({ length: workload.count }, (_, index) => {
    const { tenant, model, version, structure } = modelAt(workload, index);
    const cost = COSTS[structure.name];
    if (cost === undefined) throw new Error(`costs.ts has no figures for ${structure.name}`);
    return { key: `${tenant}/${model}/${version}`, index, structure: structure.name, ...cost };
  });
}

type Draw = () => number;
/** Request number in, model index out. */
type Requests = (world: World) => (at: number) => number;

interface World {
  readonly count: number;
  /** How many requests there will be. */
  readonly length: number;
  readonly rng: Rng;
  /** Which model has which rank; a trace may change it as it goes. */
  readonly byRank: Uint32Array;
  readonly zipf: (exponent: number) => Draw;
}

/** Of the requests, those for models that are asked for once; the workload's own come beside them. */
const ONE_TIME_SHARE = 0.1;
const NIGHTS = 3;

const TRACES: Readonly<Record<string, Requests>> = {
  'zipf 0.8': ({ zipf }) => zipf(0.8),
  'zipf 1.0': ({ zipf }) => zipf(1),
  'zipf 1.2': ({ zipf }) => zipf(1.2),
  /** Three times something asks for every model, one after another, while the usual traffic goes on. */
  'nightly scan': ({ count, length, zipf }) => {
    const usual = zipf(1);
    const night = Math.floor(length / (NIGHTS + 1));
    return (at) => {
      const scanned = (at % night) >> 1;
      return at >= night && at % 2 === 0 && scanned < count ? scanned : usual();
    };
  },
  /** Every twentieth request two ranks change places. */
  drift: ({ count, rng, byRank, zipf }) => {
    const usual = zipf(1);
    return (at) => {
      if (at % 20 === 0) swap(byRank, rng.below(count), rng.below(count));
      return usual();
    };
  },
  /** A model that is asked for is asked for again soon, ten times on average, beside 300 others. */
  sessions: ({ rng, zipf }) => {
    const usual = zipf(0.8);
    const open = Array.from({ length: 300 }, usual);
    return () => {
      const slot = rng.below(open.length);
      const model = open[slot] as number;
      if (rng.unit() < 0.1) open[slot] = usual();
      return model;
    };
  },
  /** One half of the models by day, the other by night. */
  'day and night': ({ count, length, byRank, rng }) => {
    const half = count >> 1;
    const zipf = new Zipf(half, 1);
    return (at) => byRank[2 * (zipf.rank(rng) - 1) + (Math.floor((at * 8) / length) % 2)] as number;
  },
  loop:
    ({ count }) =>
    (at) =>
      at % count,
  /** A tenth of the requests, in four bursts, goes to models that are asked for once. */
  'one-time burst': ({ count, length, zipf }) => {
    const usual = zipf(1);
    const every = Math.floor(length / 4);
    let next = count;
    return (at) => (at % every > every * (1 - 2 * ONE_TIME_SHARE) && at % 2 === 0 ? next++ : usual());
  },
};

export const TRACE_NAMES: readonly string[] = Object.keys(TRACES);

/** Follows from the workload's seed alone. */
export function makeTrace(name: string, workload: Workload, length: number): Trace {
  const make = TRACES[name];
  if (make === undefined) throw new Error(`no trace is named ${name}`);
  const { seed, count } = workload;
  const rng = new Rng(seed, 'popularity', TRACE_NAMES.indexOf(name));
  const byRank = modelsByRank(seed, count);
  const zipf = (exponent: number): Draw => {
    const ranks = new Zipf(count, exponent);
    return () => byRank[ranks.rank(rng) - 1] as number;
  };
  const requests = new Uint32Array(length);
  const draw = make({ count, length, rng, byRank, zipf });
  let highest = count - 1;
  for (let at = 0; at < length; at++) {
    requests[at] = draw(at);
    highest = Math.max(highest, requests[at] as number);
  }
  return { name, models: traceModels({ ...workload, count: highest + 1 }), requests };
}

function swap(ranks: Uint32Array, a: number, b: number): void {
  const model = ranks[a] as number;
  ranks[a] = ranks[b] as number;
  ranks[b] = model;
}
