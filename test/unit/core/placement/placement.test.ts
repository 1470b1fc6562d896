import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  copiesOf,
  DEFAULT_SHARD_SIZE,
  modelOrder,
  placementOf,
  tenantShard,
} from '../../../../src/core/placement/placement.ts';
import type { PlacementWorker } from '../../../../src/core/placement/rendezvous.ts';

const name = fc.stringMatching(/^[a-z0-9][a-z0-9_-]{0,10}$/);
const worker = fc.record({
  id: fc.stringMatching(/^w[0-9]{1,3}$/),
  zone: fc.constantFrom('a', 'b', 'c'),
  weight: fc.constantFrom(0.5, 1, 2, 4),
});
const workers = fc.uniqueArray(worker, { selector: ({ id }) => id, maxLength: 30 });
const shardSize = fc.integer({ min: 1, max: 12 });

const ids = (list: readonly PlacementWorker[]) => list.map(({ id }) => id);
const minus = (a: readonly string[], b: readonly string[]) => a.filter((id) => !b.includes(id));
const fleet = (count: number, zones = 1): PlacementWorker[] =>
  Array.from({ length: count }, (_, index) => ({ id: `w${index}`, zone: `z${index % zones}`, weight: 1 }));

describe('tenantShard', () => {
  it('has shardSize workers, or all, each once', () => {
    fc.assert(
      fc.property(name, workers, shardSize, (tenant, list, size) => {
        const shard = ids(tenantShard(tenant, list, size));
        assert.equal(shard.length, Math.min(size, list.length));
        assert.equal(new Set(shard).size, shard.length);
      }),
    );
    assert.equal(tenantShard('acme', fleet(100)).length, DEFAULT_SHARD_SIZE);
    assert.deepEqual(tenantShard('acme', []), []);
  });

  it('is the same whatever the order of the list', () => {
    fc.assert(
      fc.property(
        name,
        workers.chain((list) =>
          fc.tuple(
            fc.constant(list),
            fc.shuffledSubarray(list, { minLength: list.length, maxLength: list.length }),
          ),
        ),
        shardSize,
        (tenant, [list, shuffled], size) => {
          assert.deepEqual(tenantShard(tenant, shuffled, size), tenantShard(tenant, list, size));
        },
      ),
    );
  });

  it('loses at most the worker that went and gains at most one', () => {
    fc.assert(
      fc.property(name, workers, shardSize, fc.nat(), (tenant, list, size, pick) => {
        if (list.length === 0) return;
        const gone = list[pick % list.length] as PlacementWorker;
        const before = ids(tenantShard(tenant, list, size));
        const after = ids(
          tenantShard(
            tenant,
            list.filter((one) => one !== gone),
            size,
          ),
        );
        const lost = minus(before, after);
        // Read backwards this is the same claim for a worker that comes.
        assert.deepEqual(lost, before.includes(gone.id) ? [gone.id] : []);
        assert.ok(minus(after, before).length <= lost.length);
      }),
    );
  });

  it('is spread over the zones as evenly as their sizes allow', () => {
    fc.assert(
      fc.property(name, workers, shardSize, (tenant, list, size) => {
        const shard = tenantShard(tenant, list, size);
        const inZone = (zone: string, of: readonly PlacementWorker[]) =>
          of.filter((one) => one.zone === zone).length;
        for (const zone of ['a', 'b', 'c']) {
          for (const other of ['a', 'b', 'c']) {
            const exhausted = inZone(other, shard) === inZone(other, list);
            assert.ok(exhausted || inZone(zone, shard) <= inZone(other, shard) + 1);
          }
        }
      }),
    );
  });

  it('keeps the others when a whole zone goes, and only fills the places that became free', () => {
    fc.assert(
      fc.property(name, workers, shardSize, (tenant, list, size) => {
        const before = ids(tenantShard(tenant, list, size));
        const left = list.filter(({ zone }) => zone !== 'a');
        const after = ids(tenantShard(tenant, left, size));
        const gone = ids(list.filter(({ zone }) => zone === 'a'));
        assert.deepEqual(
          minus(before, after).filter((id) => !gone.includes(id)),
          [],
        );
        assert.equal(after.length, Math.min(size, left.length));
      }),
    );
  });

  it('is a fixed function: a change of the hash would move every model of every fleet', () => {
    assert.deepEqual(ids(tenantShard('acme', fleet(20, 3), 5)), ['w3', 'w8', 'w13', 'w12', 'w11']);
  });
});

describe('modelOrder', () => {
  it('is an order of the tenant shard: a model is never placed outside it', () => {
    fc.assert(
      fc.property(name, name, workers, shardSize, (tenant, model, list, size) => {
        const shard = tenantShard(tenant, list, size);
        const order = modelOrder(tenant, model, shard);
        assert.deepEqual(ids(order).sort(), ids(shard).sort());
        for (const copies of [0, 1, 2]) {
          const held = copiesOf(order, copies);
          assert.equal(held.length, Math.min(Math.max(1, copies), order.length));
          assert.deepEqual(held, order.slice(0, held.length));
        }
      }),
    );
  });

  it('puts the second copy into another zone when there is one', () => {
    const workers = fleet(12, 3);
    for (let index = 0; index < 200; index++) {
      const [first, second] = modelOrder('acme', `m${index}`, tenantShard('acme', workers));
      assert.notEqual(first?.zone, second?.zone);
    }
  });

  it('keeps the order of the others when a worker goes, zones aside', () => {
    fc.assert(
      fc.property(name, name, fc.integer({ min: 2, max: 8 }), fc.nat(), (tenant, model, count, pick) => {
        const shard = fleet(count);
        const gone = `w${pick % count}`;
        const before = ids(modelOrder(tenant, model, shard));
        const after = ids(
          modelOrder(
            tenant,
            model,
            shard.filter(({ id }) => id !== gone),
          ),
        );
        assert.deepEqual(
          after,
          before.filter((id) => id !== gone),
        );
      }),
    );
  });

  it('gives workers first places in proportion to their weights, in every zone', () => {
    const weights = [1, 1, 2, 4, 0.5, 1.5];
    const shard = weights.map((weight, index) => ({ id: `w${index}`, zone: `z${index % 2}`, weight }));
    const first = new Map<string, number>();
    const models = 20_000;
    for (let index = 0; index < models; index++) {
      const id = modelOrder('acme', `model-${index}`, shard)[0]?.id as string;
      first.set(id, (first.get(id) ?? 0) + 1);
    }
    for (const { id, weight } of shard) {
      const expected = (models * weight) / 10;
      // Five standard deviations of a binomial count; the hash is fixed, so this can't flake.
      assert.ok(
        Math.abs((first.get(id) ?? 0) - expected) < 5 * Math.sqrt(expected),
        `${id} ${first.get(id)} of ${expected}`,
      );
    }
  });
});

describe('placementOf', () => {
  it('explains what tenantShard and modelOrder decide', () => {
    const workers = fleet(12, 3);
    const placement = placementOf('acme', 'churn', workers, 4);
    assert.deepEqual(
      placement.shard.map((placed) => placed.worker),
      ids(modelOrder('acme', 'churn', tenantShard('acme', workers, 4))),
    );
    assert.equal(placement.workers, 12);
    assert.match(
      placement.shard[0]?.reason ?? '',
      /^number \d of zone z\d for the tenant, number 1 of its shard for the model$/,
    );
  });
});
