import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { IdleSweep } from '../../../src/worker/idle-sweep.ts';
import { ask, keyOf, quiet, touch, world } from './residency-world.ts';

const TTL_MS = 160;

test('each is taken when its time has come, at most a step late, and never after it was forgotten', () => {
  const step = fc.record({ item: fc.nat(5), dueMs: fc.nat(400), passedMs: fc.nat(60), forget: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const items = Array.from({ length: 6 }, (_, number) => ({ number }));
      const sweep = new IdleSweep<{ number: number }>(TTL_MS);
      const due = new Map<object, number>();
      let nowMs = 0;
      for (const one of steps) {
        const item = items[one.item] as { number: number };
        if (one.forget) {
          sweep.forget(item);
          due.delete(item);
        } else {
          sweep.watch(item, nowMs + one.dueMs);
          due.set(item, nowMs + one.dueMs);
        }
        nowMs += one.passedMs;
        for (const taken of sweep.take(nowMs)) {
          assert.ok((due.get(taken) as number) <= nowMs);
          due.delete(taken);
        }
        for (const dueMs of due.values()) assert.ok(dueMs + sweep.stepMs > nowMs);
      }
    }),
  );
});

function idleWorld() {
  const time = { nowMs: 1_000 };
  const scene = { time, ...world({ idleTtlMs: TTL_MS, clock: () => time.nowMs }) };
  /** Time goes by in the sweep's own steps. */
  const pass = async (ms: number): Promise<void> => {
    for (let left = ms; left > 0; left -= 10) {
      time.nowMs += 10;
      scene.residency.sweepIdle();
      await quiet();
      while (scene.lanes.busy) {
        scene.lanes.finish(0);
        await quiet();
      }
    }
  };
  return { ...scene, pass };
}

test('a model that nobody asks for goes after its time; one that is asked for or leased stays', async () => {
  const scene = idleWorld();
  await touch(scene, keyOf(1), 10);
  await touch(scene, keyOf(2), 10);
  await touch(scene, keyOf(3), 10);
  const { lease } = await ask(scene, keyOf(4), 10);
  for (let round = 0; round < 5; round++) {
    await scene.pass(100);
    await touch(scene, keyOf(2), 10);
    // Shadow work keeps nothing.
    if (scene.residency.isResident(keyOf(3))) await touch(scene, keyOf(3), 10, true);
  }
  assert.deepEqual(
    [1, 2, 3, 4].map((model) => scene.residency.isResident(keyOf(model))),
    [false, true, false, true],
  );
  scene.residency.release(lease);
  await scene.pass(200);
  assert.equal(scene.residency.residents.count, 0);
  assert.equal(scene.residency.residents.usedBytes, 0);
  assert.deepEqual(new Set(scene.evicted.map(({ reason }) => reason)), new Set(['idle']));
});

test('a pinned model is not idle before its pin is over', async () => {
  const scene = idleWorld();
  await touch(scene, keyOf(1), 10);
  scene.residency.residents.pins.pin(keyOf(1), 10, scene.time.nowMs + 500, scene.time.nowMs);
  await scene.pass(490);
  assert.ok(scene.residency.isResident(keyOf(1)));
  await scene.pass(30);
  assert.ok(!scene.residency.isResident(keyOf(1)));
});
