import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { type EvictionCandidate, EvictionOrder, REMEMBERED_FLOOR } from '../../../src/core/eviction-order.ts';

function model(key: string, residentBytes = 100_000, loadUs = 1_000): EvictionCandidate {
  return { key, residentBytes, loadUs };
}

function use(order: EvictionOrder<EvictionCandidate>, key: string, times: number): void {
  for (let time = 0; time < times; time++) order.use(key);
}

function keysOf(order: EvictionOrder<EvictionCandidate>): string[] {
  return [...order.candidates()].map(({ key }) => key);
}

/** What a worker of room for so many equal models would do; gives the misses. */
function serve(order: EvictionOrder<EvictionCandidate>, room: number, keys: Iterable<string>): string[] {
  const resident = new Map([...order.candidates()].map((each) => [each.key, each]));
  const misses: string[] = [];
  for (const key of keys) {
    order.use(key);
    if (resident.has(key)) continue;
    misses.push(key);
    for (const gone of order.candidates()) {
      if (resident.size < room) break;
      resident.delete(gone.key);
      order.delete(gone);
      break;
    }
    const newcomer = model(key);
    resident.set(key, newcomer);
    order.add(newcomer);
  }
  return misses;
}

const key = fc.integer({ min: 0, max: 150 }).map((number) => `m${number}`);
const step = fc.oneof(
  { weight: 6, arbitrary: fc.record({ do: fc.constant('use' as const), key, times: fc.nat(20) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('add' as const),
      key,
      residentBytes: fc.nat(1_000_000),
      loadUs: fc.nat(200_000),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('delete' as const), key }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('evict' as const), count: fc.nat(5) }) },
);

describe('any uses, loads and evictions', () => {
  test('each resident model is given exactly once, twice in the same order; memory follows what is resident', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), (steps) => {
        const order = new EvictionOrder<EvictionCandidate>();
        const resident = new Map<string, EvictionCandidate>();
        const evict = (gone: EvictionCandidate): void => {
          order.delete(gone);
          resident.delete(gone.key);
        };
        for (const one of steps) {
          if (one.do === 'use') use(order, one.key, one.times);
          else if (one.do === 'add' && !resident.has(one.key)) {
            const added = model(one.key, one.residentBytes, one.loadUs);
            resident.set(one.key, added);
            order.add(added);
          } else if (one.do === 'delete' && resident.has(one.key))
            evict(resident.get(one.key) as EvictionCandidate);
          else if (one.do === 'evict') [...order.candidates()].slice(0, one.count).forEach(evict);
          assert.ok(order.remembered <= resident.size + Math.max(REMEMBERED_FLOOR, resident.size));
        }
        const given = [...order.candidates()];
        assert.equal(given.length, resident.size);
        for (const each of given) assert.equal(resident.get(each.key), each);
        assert.deepEqual([...order.candidates()], given);
      }),
    );
  });

  test('more uses, fewer bytes and a dearer load never make a model go earlier', () => {
    const facts = fc.record({
      uses: fc.integer({ min: 1, max: 50 }),
      residentBytes: fc.integer({ min: 1, max: 1_000_000 }),
      loadUs: fc.nat(200_000),
    });
    fc.assert(
      fc.property(facts, facts, fc.boolean(), (a, b, isFirst) => {
        const worse = {
          uses: Math.min(a.uses, b.uses),
          residentBytes: Math.max(a.residentBytes, b.residentBytes),
          loadUs: Math.min(a.loadUs, b.loadUs),
        };
        const better = {
          uses: Math.max(a.uses, b.uses) + 1,
          residentBytes: Math.min(a.residentBytes, b.residentBytes),
          loadUs: Math.max(a.loadUs, b.loadUs),
        };
        const order = new EvictionOrder<EvictionCandidate>();
        const parts = [
          { key: 'worse', ...worse },
          { key: 'better', ...better },
        ];
        for (const { key, residentBytes, loadUs } of isFirst ? parts : parts.toReversed())
          order.add(model(key, residentBytes, loadUs));
        // Side by side, so that neither is the later one by more than a use.
        for (let round = 0; round < better.uses; round++) {
          if (round < worse.uses) order.use('worse');
          order.use('better');
        }
        assert.deepEqual(keysOf(order), ['worse', 'better']);
      }),
    );
  });
});

describe('scans', () => {
  test('models asked for once displace each other, not those in use', () => {
    const order = new EvictionOrder<EvictionCandidate>();
    const hot = Array.from({ length: 50 }, (_, number) => `hot${number}`);
    const usual = Array.from({ length: 1_000 }, (_, at) => hot[at % hot.length] as string);
    serve(order, 100, usual);
    const scan = Array.from({ length: 500 }, (_, number) => `once${number}`);
    const missed = serve(
      order,
      100,
      scan.flatMap((once, at) => [once, hot[at % hot.length] as string]),
    );
    assert.deepEqual(missed, scan);
  });
});

describe('ageing', () => {
  test('a model that was famous goes after enough uses of others, a large one sooner', () => {
    const usesToForget = (bytes: number): number => {
      const order = new EvictionOrder<EvictionCandidate>();
      order.add(model('famous', bytes));
      order.add(model('new'));
      use(order, 'famous', 1_000);
      assert.deepEqual(keysOf(order), ['new', 'famous']);
      let uses = 0;
      for (; keysOf(order)[0] !== 'famous'; uses++) order.use('new');
      return uses;
    };
    const small = usesToForget(100_000);
    const large = usesToForget(400_000);
    assert.ok(large < small && small < 1_000, `${large} and ${small} uses`);
  });

  test('however long it runs, numbers stay numbers and the order right', () => {
    const order = new EvictionOrder<EvictionCandidate>();
    for (const name of ['a', 'b', 'often']) order.add(model(name));
    // Together beyond what a double could hold without being scaled down.
    for (let round = 0; round < 4_000; round++) {
      use(order, 'a', 5);
      use(order, 'often', 10);
      assert.deepEqual(keysOf(order), ['b', 'a', 'often']);
      use(order, 'b', 5);
      use(order, 'often', 80);
      assert.deepEqual(keysOf(order), ['a', 'b', 'often']);
    }
  });
});

describe('memory of those gone', () => {
  test('is as large as what is resident, or the floor, whatever is asked for', () => {
    const order = new EvictionOrder<EvictionCandidate>();
    const ask = (count: number): void => {
      for (let number = 0; number < count; number++) order.use(`cold${number}`);
    };
    ask(10_000);
    assert.equal(order.remembered, REMEMBERED_FLOOR);
    const resident = Array.from({ length: 1_000 }, (_, number) => model(`resident${number}`));
    for (const each of resident) order.add(each);
    ask(10_000);
    assert.equal(order.remembered, 2 * resident.length);
    for (const each of resident) order.delete(each);
    assert.equal(order.remembered, REMEMBERED_FLOOR);
  });

  test('a model that comes back is no stranger', () => {
    const order = new EvictionOrder<EvictionCandidate>();
    const known = model('known');
    order.add(known);
    use(order, 'known', 20);
    order.delete(known);
    order.add(model('stranger'));
    use(order, 'stranger', 3);
    order.add(model('known'));
    assert.deepEqual(keysOf(order), ['stranger', 'known']);
  });

  test('requests that waited for the load count', () => {
    const order = new EvictionOrder<EvictionCandidate>();
    use(order, 'asked', 5);
    use(order, 'once', 1);
    order.add(model('asked'));
    order.add(model('once'));
    assert.deepEqual(keysOf(order), ['once', 'asked']);
  });

  test('one slow load among quick ones makes a model no dearer', () => {
    const order = new EvictionOrder<EvictionCandidate>();
    const quick = model('stalled', 100_000, 1_000);
    order.add(quick);
    order.delete(quick);
    order.add(model('stalled', 100_000, 9_000_000));
    order.add(model('other', 100_000, 2_000));
    use(order, 'stalled', 1);
    use(order, 'other', 2);
    assert.deepEqual(keysOf(order), ['stalled', 'other']);
  });

  test('a copy that has left already takes nothing from the one that replaced it', () => {
    const order = new EvictionOrder<EvictionCandidate>();
    const before = model('m');
    const after = model('m');
    order.add(before);
    order.delete(before);
    order.add(after);
    order.delete(before);
    assert.deepEqual([...order.candidates()], [after]);
  });
});
