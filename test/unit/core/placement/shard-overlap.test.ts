import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { tenantShard } from '../../../../src/core/placement/placement.ts';
import { shardOverlap } from '../../../../src/core/placement/shard-overlap.ts';

describe('shardOverlap', () => {
  it('counts pairs by shared workers, touched and lost tenants', () => {
    const overlap = shardOverlap([
      ['a', 'b'],
      ['b', 'a'],
      ['b', 'c'],
      ['c', 'd'],
    ]);
    assert.equal(overlap.tenants, 4);
    assert.equal(overlap.compared, 4);
    // Ordered pairs: 2 share both, 6 share one (each with bc: 2, back: 2, bc-cd: 2), 4 share none.
    assert.deepEqual(overlap.sharedWorkers, [4 / 12, 6 / 12, 2 / 12]);
    assert.deepEqual(overlap.touched, { mean: (2 + 2 + 3 + 1) / 3 / 4, max: 1 });
    assert.deepEqual(overlap.lost, { mean: (1 + 1 + 0 + 0) / 3 / 4, max: 1 / 3 });
  });

  it('has an answer for none and one', () => {
    for (const shards of [[], [['a']]]) {
      const overlap = shardOverlap(shards);
      assert.equal(overlap.tenants, shards.length);
      assert.deepEqual(overlap.touched, { mean: 0, max: 0 });
      assert.deepEqual(overlap.sharedWorkers, []);
    }
  });

  it('tenants without a worker are never counted as lost', () => {
    assert.deepEqual(shardOverlap([[], [], ['a']]).lost, { mean: 0, max: 0 });
  });

  it('a sample is near the whole, and shuffle sharding leaves few tenants wholly lost', () => {
    const workers = Array.from({ length: 40 }, (_, index) => ({ id: `w${index}`, zone: 'a', weight: 1 }));
    const shards = Array.from({ length: 1_000 }, (_, index) =>
      tenantShard(`tenant-${index}`, workers, 4).map(({ id }) => id),
    );
    const all = shardOverlap(shards, shards.length);
    const sampled = shardOverlap(shards, 100);
    assert.equal(sampled.compared, 100);
    assert.ok(Math.abs(all.touched.mean - sampled.touched.mean) < 0.05);
    // 1 - C(36,4)/C(40,4) of the others touch a shard of 4 in 40; 1/C(40,4) are within it.
    assert.ok(Math.abs(all.touched.mean - 0.355) < 0.03, `${all.touched.mean}`);
    assert.ok(all.lost.max <= 0.003, `${all.lost.max}`);
    assert.ok(Math.abs(all.sharedWorkers.reduce((sum, share) => sum + share, 0) - 1) < 1e-9);
  });
});
