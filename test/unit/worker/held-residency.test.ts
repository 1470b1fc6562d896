import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../../support/until.ts';
import { ask, keyOf, quiet, touch, waiterOf, world } from './residency-world.ts';

/** Two idle models of 50 bytes, the whole budget; the first is less worth keeping. */
async function full(memoryWaitMs: number) {
  const scene = world({ memoryWaitMs });
  const handles: number[] = [];
  for (const model of [1, 2]) {
    const { lease } = await ask(scene, keyOf(model), 50);
    handles.push(lease.placed.handle);
    scene.residency.release(lease);
  }
  await touch(scene, keyOf(2), 50);
  const [first, second] = handles as [number, number];
  return { ...scene, first, second };
}

test('what lies in a lane that is held makes room for nobody; others go in its place', async () => {
  const scene = await full(60_000);
  scene.lanes.hold(scene.first);
  await touch(scene, keyOf(3), 50);
  assert.deepEqual(scene.evicted, [{ key: keyOf(2), reason: 'room', displacer: keyOf(3) }]);
});

test('a release that waits behind a run which comes to hold the lane does not stop the line', async () => {
  const scene = await full(60_000);
  const loaded: string[] = [];
  const waiter = waiterOf({ loaded: ({ key }) => loaded.push(key), failed: assert.fail });
  scene.residency.load(keyOf(3), 50, waiter);
  await quiet();
  assert.deepEqual(
    scene.evicted.map(({ key }) => key),
    [keyOf(1)],
  );
  scene.lanes.hold(scene.first);
  await until('another makes room', () => scene.evicted.length === 2);
  assert.equal(scene.evicted[1]?.key, keyOf(2));
  // The release of the second, then the load.
  scene.lanes.finish(1);
  await quiet();
  scene.lanes.finish(1);
  await quiet();
  assert.deepEqual(loaded, [keyOf(3)]);
});

test('a load for which only lanes that are held have room is refused after the wait', async () => {
  const scene = await full(5);
  scene.lanes.hold(scene.first);
  scene.lanes.hold(scene.second);
  const refused = await new Promise<{ code: string }>((resolve) => {
    scene.residency.load(keyOf(3), 50, waiterOf({ loaded: () => assert.fail(), failed: resolve }));
  });
  assert.equal(refused.code, 'OVERLOADED');
  assert.deepEqual(scene.evicted, []);
});
