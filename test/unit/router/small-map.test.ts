import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { SmallMap } from '../../../src/router/small-map.ts';

const name = fc.constantFrom('a', 'b', 'c', '__proto__', 'constructor', '');
const step = fc.oneof(
  fc.record({ kind: fc.constant('set' as const), name, value: fc.integer() }),
  fc.record({ kind: fc.constant('delete' as const), name }),
);

describe('SmallMap', () => {
  it('is a Map, whatever is set and deleted in whatever order', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
        const small = new SmallMap<number>();
        const map = new Map<string, number>();
        for (const one of steps) {
          if (one.kind === 'delete') assert.equal(small.delete(one.name), map.delete(one.name));
          else {
            small.set(one.name, one.value);
            map.set(one.name, one.value);
          }
          assert.equal(small.size, map.size);
          assert.deepEqual([...small], [...map]);
          for (const key of ['a', 'b', 'c', '__proto__', 'constructor', '']) {
            assert.equal(small.get(key), map.get(key));
          }
        }
      }),
    );
  });

  it('can lose its entries while it is gone through', () => {
    for (const names of [['a'], ['a', 'b', 'c']]) {
      const small = new SmallMap<number>();
      for (const one of names) small.set(one, 1);
      for (const [one] of small) small.delete(one);
      assert.equal(small.size, 0);
    }
  });
});
