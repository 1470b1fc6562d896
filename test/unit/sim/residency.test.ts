import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { POLICIES } from '../../../sim/residency/policies.ts';
import { type Order, simulate } from '../../../sim/residency/simulate.ts';
import { makeTrace, type Trace, TRACE_NAMES, traceModels } from '../../../sim/residency/traces.ts';
import { DEFAULT_MIX } from '../../../sim/workload/mix.ts';
import { Rng } from '../../../sim/workload/rng.ts';
import type { Workload } from '../../../sim/workload/workload.ts';
import { EvictionOrder } from '../../../src/core/eviction-order.ts';

const WORKLOAD: Workload = { seed: 5, count: 2_000, mix: DEFAULT_MIX };
const REQUESTS = 40_000;

function orderOf(name: string, trace: Trace): Order {
  const make = POLICIES[name];
  assert.ok(make);
  return make(trace);
}

function share(trace: Trace, part: number): number {
  return part * trace.models.slice(0, WORKLOAD.count).reduce((sum, one) => sum + one.residentBytes, 0);
}

/** The trace as if all models were alike: then the farthest next use is the true optimum. */
function evened(trace: Trace): Trace {
  const models = trace.models.map((one) => ({ ...one, residentBytes: 1, loadUs: 1, structure: 'same' }));
  return { ...trace, models };
}

describe('traces', () => {
  for (const name of TRACE_NAMES) {
    test(`${name} follows from the seed alone and asks only for models that there are`, () => {
      const { models, requests } = makeTrace(name, WORKLOAD, 5_000);
      assert.deepEqual(makeTrace(name, WORKLOAD, 5_000).requests, requests);
      if (name !== 'loop')
        assert.notDeepEqual(makeTrace(name, { ...WORKLOAD, seed: 6 }, 5_000).requests, requests);
      assert.equal(requests.length, 5_000);
      for (const index of requests) assert.equal(models[index]?.index, index);
    });
  }
});

describe('simulation', () => {
  test('counts what a person would', () => {
    const models = traceModels({ ...WORKLOAD, count: 3 }).map((one) => ({
      ...one,
      residentBytes: 10,
      loadUs: 10 ** one.index,
    }));
    // The first two only fill the memory. Then model 1 is there, 2 displaces 0, 1 and 2 are there, 0 displaces 1.
    const requests = Uint32Array.from([0, 1, 1, 2, 1, 2, 1, 2, 2, 0]);
    const trace = { name: 'by hand', models, requests };
    const outcome = simulate(trace, 20, orderOf('LRU', trace));
    assert.deepEqual(outcome, { hitRate: 6 / 8, savedRate: 330 / 431, evictions: 2 });
  });

  test('refuses a model beyond the budget instead of counting it', () => {
    const trace = makeTrace('zipf 1.0', WORKLOAD, 100);
    assert.throws(() => simulate(trace, 10, orderOf('LRU', trace)), /whole budget is 10 bytes/);
  });

  for (const name of Object.keys(POLICIES)) {
    test(`${name} gives each resident model exactly once, whatever was taken before`, () => {
      const trace = makeTrace('zipf 0.8', WORKLOAD, 3_000);
      const order = orderOf(name, trace);
      const resident = new Set<Trace['models'][number]>();
      const rng = new Rng(WORKLOAD.seed, 'popularity', 99);
      for (const [at, index] of trace.requests.entries()) {
        const model = trace.models[index];
        assert.ok(model);
        order.use(model.key);
        if (resident.has(model)) continue;
        const chosen = [];
        for (const gone of resident.size < 100 ? [] : order.candidates()) {
          chosen.push(gone);
          if (rng.unit() < 0.5) break;
        }
        // Not all that were given go: decideLoad spares some.
        for (const gone of chosen.slice(0, 1 + rng.below(chosen.length))) {
          assert.ok(resident.delete(gone));
          order.delete(gone);
        }
        resident.add(model);
        order.add(model);
        if (at % 50 !== 0) continue;
        const given = [...order.candidates()];
        assert.equal(given.length, resident.size);
        assert.deepEqual(new Set(given), resident);
      }
    });
  }

  test('nobody beats the one that knows the future, where models are alike', () => {
    for (const name of TRACE_NAMES) {
      const trace = evened(makeTrace(name, WORKLOAD, 10_000));
      const best = simulate(trace, 100, orderOf('Belady', trace)).hitRate;
      for (const policy of Object.keys(POLICIES)) {
        const { hitRate } = simulate(trace, 100, orderOf(policy, trace));
        assert.ok(hitRate <= best, `${name}: ${policy} has ${hitRate}, the optimum ${best}`);
      }
    }
  });
});

describe('core/eviction-order', () => {
  for (const name of ['zipf 1.0', 'nightly scan', 'drift', 'loop', 'one-time burst']) {
    for (const part of [0.1, 0.3]) {
      test(`${name}, ${part * 100} % of the bytes: hits more and saves more load time than LRU`, () => {
        const trace = makeTrace(name, WORKLOAD, REQUESTS);
        const lru = simulate(trace, share(trace, part), orderOf('LRU', trace));
        const shoal = simulate(trace, share(trace, part), new EvictionOrder());
        assert.ok(
          shoal.hitRate > lru.hitRate && shoal.savedRate > lru.savedRate,
          JSON.stringify({ lru, shoal }),
        );
      });
    }
  }

  test('the same trace, the same outcome', () => {
    const trace = makeTrace('drift', WORKLOAD, 10_000);
    const run = () => simulate(trace, share(trace, 0.1), new EvictionOrder());
    assert.deepEqual(run(), run());
  });
});
