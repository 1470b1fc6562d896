import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { membersAfter, type Sighting } from '../../../src/core/membership.ts';

const leaseMs = 6_000;
const said = (id: string, ageMs: number): Sighting => ({ id, hasLeft: false, ageMs });
const left = (id: string): Sighting => ({ id, hasLeft: true, ageMs: 10 });
const none: ReadonlyMap<string, undefined> = new Map();

test('who is announced is in at once, who has left is out at once', () => {
  const view = { nowMs: 100, contactSinceMs: 90, leaseMs };
  const first = membersAfter(none, [said('a', 5), said('b', leaseMs)], view);
  assert.deepEqual([...first.keys()], ['a', 'b']);
  assert.deepEqual([...membersAfter(first, [left('a'), said('b', 5)], view).keys()], ['b']);
});

test('who was not announced for a lease is out, but not before a lease of contact', () => {
  const before = new Map([['a', undefined]]);
  const old = [said('a', leaseMs + 1)];
  assert.equal(membersAfter(before, old, { nowMs: 9_000, contactSinceMs: 0, leaseMs }).size, 0);
  assert.equal(membersAfter(before, old, { nowMs: 9_000, contactSinceMs: 8_999, leaseMs }).size, 1);
  assert.equal(membersAfter(none, old, { nowMs: 9_000, contactSinceMs: 8_999, leaseMs }).size, 0);
});

test('a store that forgot everybody has a lease to hear of them again', () => {
  let known = membersAfter(none, [said('a', 0)], { nowMs: 0, contactSinceMs: 0, leaseMs });
  for (let nowMs = 500; nowMs <= 10_000; nowMs += 500) {
    known = membersAfter(known, [], { nowMs, contactSinceMs: 0, leaseMs });
    assert.equal(known.has('a'), nowMs < 500 + leaseMs, `at ${nowMs}`);
  }
});

test('whatever the store says: no member is lost within a lease of contact unless it left, none is kept beyond two leases', () => {
  const sighting = fc.record({
    id: fc.constantFrom('a', 'b', 'c'),
    hasLeft: fc.boolean(),
    ageMs: fc.integer({ min: 0, max: 3 * leaseMs }),
  });
  const looks = fc.array(fc.uniqueArray(sighting, { selector: ({ id }) => id }), { maxLength: 30 });
  fc.assert(
    fc.property(looks, fc.integer({ min: 100, max: leaseMs }), (rounds, stepMs) => {
      let known: ReadonlyMap<string, number | undefined> = new Map([['a', undefined]]);
      const lastFresh = new Map([['a', 0]]);
      rounds.forEach((sightings, index) => {
        const nowMs = (index + 1) * stepMs;
        const after = membersAfter(known, sightings, { nowMs, contactSinceMs: 0, leaseMs });
        for (const { id, hasLeft, ageMs } of sightings) {
          if (hasLeft) assert.ok(!after.has(id));
          else if (ageMs <= leaseMs) {
            assert.ok(after.has(id));
            lastFresh.set(id, nowMs);
          }
        }
        if (nowMs < leaseMs) {
          const gone = [...known.keys()].filter((id) => !after.has(id));
          for (const id of gone) assert.ok(sightings.some((seen) => seen.id === id && seen.hasLeft));
        }
        for (const id of after.keys()) {
          assert.ok(nowMs - (lastFresh.get(id) ?? Number.NEGATIVE_INFINITY) <= 2 * leaseMs + stepMs);
        }
        known = after;
      });
    }),
  );
});
