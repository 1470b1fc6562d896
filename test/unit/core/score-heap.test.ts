import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ScoreHeap } from '../../../src/core/score-heap.ts';

interface Item {
  readonly id: number;
  value: number;
  score: number;
  place: number;
}

const step = fc.oneof(
  { weight: 3, arbitrary: fc.record({ do: fc.constant('push' as const), value: fc.nat(50) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('raise' as const), pick: fc.nat(), by: fc.nat(50) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('look' as const), count: fc.nat(10) }) },
);

test('gives everything once, lowest first, whatever rose meanwhile and however far one looked before', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 150 }), (steps) => {
      const heap = new ScoreHeap<Item>((item) => item.value);
      let items: Item[] = [];
      for (const [id, one] of steps.entries()) {
        const picked = 'pick' in one ? items[one.pick % Math.max(1, items.length)] : undefined;
        if (one.do === 'push') {
          const item = { id, value: one.value, score: 0, place: 0 };
          items.push(item);
          heap.push(item);
        } else if (one.do === 'look') {
          const values = items.map((item) => item.value).sort((a, b) => a - b);
          const seen: number[] = [];
          for (const item of heap.ascending()) {
            if (seen.length === one.count) break;
            seen.push(item.value);
          }
          assert.deepEqual(seen, values.slice(0, one.count));
        } else if (picked === undefined) continue;
        else if (one.do === 'raise') picked.value += one.by;
        else {
          heap.delete(picked);
          items = items.filter((item) => item !== picked);
        }
      }
      const all = [...heap.ascending()];
      assert.deepEqual(
        all.map((item) => item.value),
        items.map((item) => item.value).sort((a, b) => a - b),
      );
      assert.deepEqual(new Set(all), new Set(items));
      assert.equal(all.length, items.length);
      assert.equal(heap.size, items.length);
    }),
  );
});
