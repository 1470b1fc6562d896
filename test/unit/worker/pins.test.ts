import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { type Pin, Pins } from '../../../src/worker/pins.ts';
import { warm } from '../../../src/worker/warm.ts';
import { keyOf, quiet, touch, waiterOf, world, type WorldSettings } from './residency-world.ts';

const step = fc.record({
  model: fc.nat(5),
  residentBytes: fc.nat(40),
  pinMs: fc.integer({ min: 1, max: 50 }),
  passedMs: fc.nat(20),
  unpin: fc.boolean(),
});

test('pins that hold never come to more than the bound, and one is refused only when it would not fit', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      const pins = new Pins(100);
      const held = new Map<string, Pin>();
      let nowMs = 0;
      for (const { model, residentBytes, pinMs, passedMs, unpin } of steps) {
        nowMs += passedMs;
        const key = keyOf(model);
        for (const [other, { untilMs }] of held) if (untilMs <= nowMs) held.delete(other);
        if (unpin) {
          const pin = held.get(key);
          pins.unpin(key, { residentBytes, untilMs: nowMs + pinMs });
          if (pin !== undefined) pins.unpin(key, pin);
          held.delete(key);
        } else {
          let othersBytes = 0;
          for (const [other, pin] of held) if (other !== key) othersBytes += pin.residentBytes;
          const untilMs = nowMs + pinMs;
          if (othersBytes + residentBytes > 100) {
            assert.throws(() => pins.pin(key, residentBytes, untilMs, nowMs), { code: 'OVERLOADED' });
          } else {
            held.set(key, pins.pin(key, residentBytes, untilMs, nowMs));
          }
        }
        for (let other = 0; other <= 5; other++)
          assert.equal(pins.pinnedUntilMs(keyOf(other), nowMs), held.get(keyOf(other))?.untilMs);
      }
    }),
  );
});

function scene(settings: WorldSettings = {}) {
  const time = { nowMs: 1_000 };
  const parts = world({ ...settings, clock: () => time.nowMs });
  const warmed = async (model: number, extras: { pinMs?: number; ifSpare?: boolean }) => {
    const request = { key: keyOf(model), residentBytes: 40, ...extras };
    const stepping = (async () => {
      for (let turn = 0; turn < 3; turn++) {
        await quiet();
        parts.lanes.finish(0);
      }
    })();
    const answer = await warm(parts.residency, request, { warmMs: 60_000 }, () => time.nowMs);
    await stepping;
    return answer;
  };
  return { time, ...parts, warmed };
}

test('a pinned model stays whatever needs room, until its time is over or it is not renewed', async () => {
  const at = scene({ memoryWaitMs: 1 });
  assert.deepEqual(await at.warmed(1, { pinMs: 100 }), { loaded: true });
  for (let model = 2; model < 10; model++) await touch(at, keyOf(model), 40);
  assert.ok(at.residency.isResident(keyOf(1)));
  at.time.nowMs += 99;
  await at.warmed(1, { pinMs: 100 });
  at.time.nowMs += 99;
  await touch(at, keyOf(10), 60);
  assert.ok(at.residency.isResident(keyOf(1)));
  at.time.nowMs += 1;
  await touch(at, keyOf(11), 60);
  await touch(at, keyOf(12), 40);
  await touch(at, keyOf(13), 60);
  assert.ok(!at.residency.isResident(keyOf(1)));
});

test('no more may be pinned than the named share; what is refused is not loaded and evicts nothing', async () => {
  const at = scene();
  await touch(at, keyOf(7), 60);
  await at.warmed(1, { pinMs: 100 });
  await assert.rejects(at.warmed(2, { pinMs: 100 }), {
    code: 'OVERLOADED',
    message:
      /takes 40 bytes, other pinned models 40 of the 50 bytes that may be pinned \(limit pinnedPercent/,
  });
  assert.ok(at.residency.isResident(keyOf(7)));
  assert.equal(at.residency.copy(keyOf(2)), undefined);
});

test('a load that fails leaves no pin behind', async () => {
  const small = scene();
  const load = warm(
    small.residency,
    { key: keyOf(1), residentBytes: 40, pinMs: 100 },
    { warmMs: 60_000 },
    () => small.time.nowMs,
  );
  await quiet();
  small.lanes.finish(0, new Error('broken'));
  await assert.rejects(load, /broken/);
  assert.equal(small.residency.residents.pins.pinnedUntilMs(keyOf(1), small.time.nowMs), undefined);
});

test('ifSpare loads into memory that nothing else takes, and into no other', async () => {
  const at = scene();
  assert.deepEqual(await at.warmed(1, { ifSpare: true }), { loaded: true });
  assert.deepEqual(await at.warmed(2, { ifSpare: true }), { loaded: true });
  assert.deepEqual(await at.warmed(3, { ifSpare: true }), { loaded: false });
  assert.deepEqual(await at.warmed(1, { ifSpare: true }), { loaded: true }, 'it is there already');
  assert.deepEqual(at.evicted, []);
  // Others load: nothing is spare, even where there is room.
  const busy = scene();
  busy.residency.load(keyOf(9), 10, waiterOf({ loaded: () => undefined, failed: assert.fail }));
  const answer = warm(
    busy.residency,
    { key: keyOf(1), residentBytes: 10, ifSpare: true },
    { warmMs: 60_000 },
    () => 1_000,
  );
  assert.deepEqual(await answer, { loaded: false });
});
