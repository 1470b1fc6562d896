import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { FairQueue } from '../../../src/core/fair-queue.ts';

interface Item {
  readonly tenant: string;
  readonly number: number;
}

const step = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('push' as const), tenant: fc.constantFrom('a', 'b', 'c') }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('shift' as const) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delete' as const), pick: fc.nat() }) },
);

test('nothing is lost or doubled, a tenant keeps its order, peek tells what shift takes', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
      const queue = new FairQueue<Item>();
      let waiting: Item[] = [];
      for (const [number, one] of steps.entries()) {
        if (one.do === 'push') {
          const item = { tenant: one.tenant, number };
          waiting.push(item);
          queue.push(item.tenant, item);
        } else if (one.do === 'shift') {
          const seen = queue.peek();
          const taken = queue.shift();
          assert.equal(taken, seen);
          if (waiting.length === 0) assert.equal(taken, undefined);
          else
            assert.equal(
              taken,
              waiting.find((item) => item.tenant === taken?.tenant),
            );
          waiting = waiting.filter((item) => item !== taken);
        } else if (waiting.length > 0) {
          const gone = waiting[one.pick % waiting.length] as Item;
          assert.equal(queue.delete(gone.tenant, gone), true);
          assert.equal(queue.delete(gone.tenant, gone), false);
          waiting = waiting.filter((item) => item !== gone);
        }
        assert.equal(queue.size, waiting.length);
      }
    }),
  );
});

test('between two turns of a tenant every other waiting tenant has exactly one', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1, maxLength: 8 }), (counts) => {
      const queue = new FairQueue<Item>();
      for (const [tenant, count] of counts.entries())
        for (let number = 0; number < count; number++)
          queue.push(`t${tenant}`, { tenant: `t${tenant}`, number });
      const left = new Map(counts.map((count, tenant) => [`t${tenant}`, count]));
      let round = new Set<string>();
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
        if (round.has(item.tenant)) {
          for (const [tenant, count] of left) if (count > 0) assert.ok(round.has(tenant));
          round = new Set();
        }
        round.add(item.tenant);
        left.set(item.tenant, (left.get(item.tenant) as number) - 1);
      }
      assert.ok([...left.values()].every((count) => count === 0));
    }),
  );
});

test('ahead tells how many turns an item would wait', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('a', 'b', 'c', 'd'), { maxLength: 40 }),
      fc.nat(10),
      (tenants, taken) => {
        const queue = new FairQueue<Item>();
        for (const [number, tenant] of tenants.entries()) queue.push(tenant, { tenant, number });
        for (let turn = 0; turn < taken; turn++) queue.shift();
        const ahead = queue.ahead('a');
        const mine = { tenant: 'a', number: -1 };
        queue.push('a', mine);
        for (let turn = 0; turn < ahead; turn++) assert.notEqual(queue.shift(), mine);
        assert.equal(queue.shift(), mine);
      },
    ),
  );
});
