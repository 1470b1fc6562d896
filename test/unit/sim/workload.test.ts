import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { DEFAULT_MIX, formatMix, type Kind, KINDS, parseMix } from '../../../sim/workload/mix.ts';
import { bodyOf, plannedRequests, type Traffic } from '../../../sim/workload/requests.ts';
import { Rng } from '../../../sim/workload/rng.ts';
import {
  allStructures,
  artifactIdOf,
  modelAt,
  modelsOf,
  type Workload,
} from '../../../sim/workload/workload.ts';
import { checkModel, checkTenant, checkVersion } from '../../../src/core/ids.ts';

const workload: Workload = { seed: 42, count: 20_000, mix: DEFAULT_MIX };

describe('mix', () => {
  test('is read and written alike', () => {
    assert.equal(formatMix(parseMix('linear=50,network=2.5')), 'linear=50,network=2.5');
    assert.deepEqual(parseMix(formatMix(DEFAULT_MIX)), DEFAULT_MIX);
  });
  for (const text of ['', 'linear', 'linear=', 'linear=-1', 'forest=3', 'linear=0', 'linear=1;network=2']) {
    test(`refuses ${JSON.stringify(text)}`, () => assert.throws(() => parseMix(text), RangeError));
  }
});

describe('models', () => {
  test('follow from seed and index alone', () => {
    for (const index of [0, 1, 4_711, 19_999]) {
      assert.deepEqual(modelAt({ ...workload, count: 1 }, index), modelAt(workload, index));
    }
    const kindsOf = (seed: number): Kind[] => [...modelsOf({ ...workload, seed })].map(({ kind }) => kind);
    assert.notDeepEqual(kindsOf(1), kindsOf(2));
  });

  test('come in the shares of the mix and have names that Shoal takes', () => {
    const counts = { linear: 0, 'small-trees': 0, 'large-trees': 0, network: 0 };
    for (const { kind, tenant, model, version } of modelsOf(workload)) {
      counts[kind]++;
      checkTenant(tenant);
      checkModel(model);
      checkVersion(version);
    }
    for (const kind of KINDS) {
      const share = DEFAULT_MIX[kind] / 100;
      // Five standard deviations of a binomial.
      const bound = 5 * Math.sqrt(workload.count * share * (1 - share));
      assert.ok(Math.abs(counts[kind] - workload.count * share) < bound, `${kind}: ${counts[kind]}`);
    }
  });

  test('a kind that the mix leaves out never comes', () => {
    for (const { kind } of modelsOf({ ...workload, mix: parseMix('network=1') }))
      assert.equal(kind, 'network');
  });

  test('each has an artifact of its own, or shares few that fit its structure', () => {
    const own = new Set<string>();
    const shared = new Set<string>();
    for (const model of modelsOf(workload)) {
      own.add(keyOf(artifactIdOf(model)));
      const id = artifactIdOf(model, 12);
      assert.equal(id.structure, model.structure);
      shared.add(`${model.kind} ${keyOf(id)}`);
    }
    assert.equal(own.size, workload.count);
    for (const kind of KINDS) {
      const ofKind = [...shared].filter((key) => key.startsWith(`${kind} `)).length;
      assert.ok(ofKind >= 12 && ofKind < 12 + 5, `${kind}: ${ofKind}`);
    }
  });

  test('structures have names of their own, features within one too', () => {
    const names = allStructures().map(({ name }) => name);
    assert.equal(new Set(names).size, names.length);
    for (const { features } of allStructures()) {
      assert.equal(new Set(features.map(({ name }) => name)).size, features.length);
    }
  });
});

describe('requests', () => {
  const traffic: Traffic = { arrivals: 'poisson', ratePerSecond: 500, durationMs: 2_000, zipf: 1, rows: 1 };

  test('follow from the seed', () => {
    const run = (seed: number): string[] =>
      [...plannedRequests({ ...workload, seed }, traffic)].map(
        (request) => `${request.atMs} ${request.model.tenant} ${bodyOf(seed, request, 2)}`,
      );
    assert.deepEqual(run(7), run(7));
    assert.notDeepEqual(run(7), run(8));
  });

  test('bodies hold every feature within its range', () => {
    for (const request of plannedRequests(workload, traffic)) {
      const { instances } = JSON.parse(bodyOf(1, request, 3)) as { instances: Record<string, number>[] };
      assert.equal(instances.length, 3);
      for (const instance of instances) {
        const { features } = request.model.structure;
        assert.deepEqual(
          Object.keys(instance),
          features.map(({ name }) => name),
        );
        for (const { name, type, low, high } of features) {
          const value = instance[name] as number;
          assert.ok(
            value >= low && (type === 'id' ? value < high && Number.isInteger(value) : value <= high),
          );
        }
      }
    }
  });
});

describe('rng', () => {
  test('stays strictly between 0 and 1, evenly', () => {
    const rng = new Rng(1, 'bodies');
    const bins = new Uint32Array(64);
    for (let draw = 0; draw < 64_000; draw++) {
      const value = rng.unit();
      assert.ok(value > 0 && value < 1);
      bins[Math.floor(value * 64)]! += 1;
    }
    // 63 degrees of freedom: below 120 but once in a hundred thousand seeds.
    assert.ok(bins.reduce((sum, count) => sum + (count - 1_000) ** 2 / 1_000, 0) < 120);
  });

  test('another index or stream, other numbers', () => {
    const word = fc.integer({ min: 0, max: 0xffff_ffff });
    fc.assert(
      fc.property(word, word, word, (seed, a, b) => {
        fc.pre(a !== b);
        const draw = (rng: Rng): string => `${rng.next32()} ${rng.next32()} ${rng.next32()} ${rng.next32()}`;
        assert.notEqual(draw(new Rng(seed, 'weights', a)), draw(new Rng(seed, 'weights', b)));
        assert.notEqual(draw(new Rng(seed, 'weights', a)), draw(new Rng(seed, 'bodies', a)));
      }),
    );
  });
});

function keyOf({ structure, number }: ReturnType<typeof artifactIdOf>): string {
  return `${structure.name}/${number}`;
}
