import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { modelOrder, tenantShard } from '../../../src/core/placement/placement.ts';
import { PlacementCache } from '../../../src/router/placement-cache.ts';

const members = (count: number) =>
  Array.from({ length: count }, (_, index) => ({
    id: `w${index}`,
    address: `http://127.0.0.1:${index}`,
    zone: `z${index % 2}`,
    weight: 1,
  }));
const entry = { revision: 1, traffic: {}, versions: [] };

describe('PlacementCache', () => {
  it('gives the order of core/placement, kept until members or the shard size change', () => {
    const cache = new PlacementCache();
    assert.deepEqual(cache.order('acme', 'churn', entry, undefined), []);
    for (const [count, shardSize] of [
      [10, undefined],
      [10, 3],
      [4, 3],
    ] as const) {
      cache.setMembers(members(count));
      const expected = modelOrder('acme', 'churn', tenantShard('acme', members(count), shardSize));
      const order = cache.order('acme', 'churn', entry, shardSize);
      assert.deepEqual(order, expected);
      assert.equal(cache.order('acme', 'churn', entry, shardSize), order);
      assert.equal(cache.order('acme', 'churn', entry, 2).length, 2);
    }
  });

  it('stays bounded, whoever is asked for', () => {
    const cache = new PlacementCache();
    cache.setMembers(members(2));
    const first = cache.order('acme', 'churn', entry, undefined);
    for (let index = 0; index < 20_000; index++) cache.order('acme', 'churn', { ...entry }, undefined);
    const again = cache.order('acme', 'churn', entry, undefined);
    assert.notEqual(again, first, 'forgotten when it was full');
    assert.deepEqual(again, first);
  });
});
