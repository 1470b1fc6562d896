import { POLICIES } from '../../sim/residency/policies.ts';
import { simulate } from '../../sim/residency/simulate.ts';
import { makeTrace, type Trace, TRACE_NAMES } from '../../sim/residency/traces.ts';
import { DEFAULT_MIX, formatMix } from '../../sim/workload/mix.ts';
import type { Workload } from '../../sim/workload/workload.ts';
import { type EvictionCandidate, EvictionOrder } from '../../src/core/eviction-order.ts';
import { inTurn, median } from './harness.ts';

const WORKLOAD: Workload = { seed: 1, count: 20_000, mix: DEFAULT_MIX };
const REQUESTS = 400_000;
const BUDGET_SHARES = [0.02, 0.1, 0.3];
const ROUNDS = 7;

/** `npm run bench -- policies`: what each way to choose whom to evict would keep, by simulation, as Markdown. */
export async function benchPolicies(): Promise<void> {
  const names = Object.keys(POLICIES);
  console.log(
    `${WORKLOAD.count} models (${formatMix(WORKLOAD.mix)}), ${REQUESTS} requests, seed ${WORKLOAD.seed}; a cell is the hit rate and the share of load time saved, in %\n`,
  );
  console.log(`| trace | memory | ${names.join(' | ')} |`);
  console.log(`| --- | ---: |${' ---: |'.repeat(names.length)}`);
  const sums = names.map(() => ({ hitRate: 0, savedRate: 0 }));
  let rows = 0;
  for (const trace of TRACE_NAMES.map((name) => makeTrace(name, WORKLOAD, REQUESTS))) {
    for (const share of BUDGET_SHARES) {
      rows++;
      const budgetBytes = share * registeredBytes(trace);
      const cells = Object.values(POLICIES).map((makeOrder, policy) => {
        const { hitRate, savedRate } = simulate(trace, budgetBytes, makeOrder(trace));
        const sum = sums[policy] as (typeof sums)[number];
        sum.hitRate += hitRate;
        sum.savedRate += savedRate;
        return `${percent(hitRate)} / ${percent(savedRate)}`;
      });
      console.log(`| ${trace.name} | ${share * 100} % | ${cells.join(' | ')} |`);
    }
  }
  const means = sums.map(
    ({ hitRate, savedRate }) => `${percent(hitRate / rows)} / ${percent(savedRate / rows)}`,
  );
  console.log(`| mean | | ${means.join(' | ')} |\n`);
  await benchUse();
}

/** Without the models that a trace asks for once. */
function registeredBytes({ models }: Trace): number {
  return models.slice(0, WORKLOAD.count).reduce((sum, { residentBytes }) => sum + residentBytes, 0);
}

/**
 * What the hot path pays: `use` of resident models against moving a key to the end of a Map. (V8's Map keeps deleted
 * entries in their chains until it is next rebuilt, so that a key which is moved often is slow to look for.)
 */
async function benchUse(): Promise<void> {
  const { models, requests } = makeTrace('zipf 1.0', WORKLOAD, REQUESTS);
  const keys = Array.from(requests, (index) => models[index]?.key as string);
  const nanoseconds = async (use: (key: string) => void): Promise<number> => {
    const startedMs = performance.now();
    for (const key of keys) use(key);
    return ((performance.now() - startedMs) * 1e6) / keys.length;
  };
  const order = new EvictionOrder<EvictionCandidate>();
  const map = new Map<string, EvictionCandidate>();
  for (const model of models) {
    order.add(model);
    map.set(model.key, model);
  }
  const { a, b } = await inTurn(
    ROUNDS,
    () => nanoseconds((key) => order.use(key)),
    () =>
      nanoseconds((key) => {
        const model = map.get(key) as EvictionCandidate;
        map.delete(key);
        map.set(key, model);
      }),
  );
  console.log(
    `use of ${models.length} resident models: ${median(a).toFixed(0)} ns; moved to the end of a Map: ${median(b).toFixed(0)} ns; ratio ${(median(a) / median(b)).toFixed(2)}`,
  );
}

function percent(share: number): string {
  return (share * 100).toFixed(1);
}
