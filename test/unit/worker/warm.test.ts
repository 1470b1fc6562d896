import assert from 'node:assert/strict';
import { test } from 'node:test';
import { warm } from '../../../src/worker/warm.ts';
import { keyOf, quiet, touch, world } from './residency-world.ts';

const LIMITS = { warmMs: 60_000 };

test('a pin that finds no room after the load fails the warming, and leaves no lease', async () => {
  const time = { nowMs: 1_000 };
  const clock = (): number => time.nowMs;
  const scene = world({ clock });
  const { pins } = scene.residency.residents;
  const request = { key: keyOf(1), residentBytes: 50, pinMs: 10 };
  const warmed = assert.rejects(warm(scene.residency, request, LIMITS, clock), { code: 'OVERLOADED' });
  await quiet();
  // Its first pin has expired meanwhile, and another has taken the room.
  time.nowMs += 20;
  pins.pin(keyOf(2), 50, time.nowMs + 1_000, time.nowMs);
  scene.lanes.finish(0);
  await warmed;
  await touch(scene, keyOf(3), 100);
  assert.deepEqual(scene.evicted, [{ key: keyOf(1), reason: 'room', displacer: keyOf(3) }]);
});

test('a warming that fails takes back its own pin, and not the one of another', async () => {
  const time = { nowMs: 1_000 };
  const clock = (): number => time.nowMs;
  const { residency, lanes } = world({ clock });
  const { pins } = residency.residents;
  const failing = [10, undefined].map((pinMs) => {
    const request = { key: keyOf(1), residentBytes: 20, ...(pinMs === undefined ? {} : { pinMs }) };
    return assert.rejects(warm(residency, request, LIMITS, clock), /no/);
  });
  pins.pin(keyOf(1), 20, time.nowMs + 500, time.nowMs);
  await quiet();
  lanes.finish(0, new Error('no'));
  await Promise.all(failing);
  assert.equal(pins.pinnedUntilMs(keyOf(1), time.nowMs), 1_500);
  const alone = assert.rejects(
    warm(residency, { key: keyOf(2), residentBytes: 20, pinMs: 10 }, LIMITS, clock),
    /no/,
  );
  await quiet();
  lanes.finish(0, new Error('no'));
  await alone;
  assert.equal(pins.pinnedUntilMs(keyOf(2), time.nowMs), undefined);
});
