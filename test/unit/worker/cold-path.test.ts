import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ShoalError } from '../../../src/core/errors.ts';
import type { Lease } from '../../../src/worker/lease.ts';
import { ask, keyOf, quiet, touch, waiterOf, world, type WorldSettings } from './residency-world.ts';

/** A world whose clock stands still until the test moves it. */
function timed(settings: WorldSettings = {}) {
  const time = { nowMs: 1_000 };
  return { time, ...world({ ...settings, clock: () => time.nowMs }) };
}

/** Loads `count` models of `tenant`, each of which takes `loadMs`. */
async function pace(scene: ReturnType<typeof timed>, count: number, loadMs: number): Promise<void> {
  for (let model = 0; model < count; model++) {
    scene.residency.load(
      keyOf(model, 'pace'),
      1,
      waiterOf({ loaded: scene.residency.release.bind(scene.residency), failed: assert.fail }),
    );
    await quiet();
    scene.time.nowMs += loadMs;
    scene.lanes.finish(0);
    await quiet();
  }
}

/** Of the artifact that `keyOf` names. */
function digestOf(model: number): string {
  return keyOf(model).split('@')[1] as string;
}

function refusal(
  { residency }: ReturnType<typeof timed>,
  key: string,
  expiresAtMs: number,
): Promise<ShoalError | undefined> {
  return Promise.race([
    new Promise<ShoalError>((resolve) => {
      residency.load(
        key,
        1,
        waiterOf({ expiresAtMs, loaded: (lease) => residency.release(lease), failed: resolve }),
      );
    }),
    quiet().then(() => undefined),
  ]);
}

test('who could not be served in time is refused at once and told when to come back; the others stay', async () => {
  const scene = timed({ workerLoads: 1 });
  await pace(scene, 3, 100);
  const loaded: string[] = [];
  for (let model = 0; model < 10; model++) {
    scene.residency.load(
      keyOf(model, 'busy'),
      1,
      waiterOf({ loaded: ({ key }) => loaded.push(key), failed: assert.fail }),
    );
  }
  await quiet();
  const { nowMs } = scene.time;
  // One of them is being loaded and nine wait: 1,000 ms until a lane has done with them.
  const refused = await refusal(scene, keyOf(10, 'busy'), nowMs + 999);
  assert.equal(refused?.code, 'OVERLOADED');
  assert.equal(refused?.retryAfterSeconds, 1);
  assert.match(
    refused?.message ?? '',
    /10 cold models wait .* in about 1000 ms, its caller waits for 999 ms/,
  );
  assert.equal(await refusal(scene, keyOf(10, 'busy'), nowMs + 1_001), undefined);
  // Another tenant's turn is the next but one.
  assert.equal((await refusal(scene, keyOf(0, 'quiet'), nowMs + 199))?.retryAfterSeconds, 0.2);
  assert.equal(await refusal(scene, keyOf(0, 'quiet'), nowMs + 201), undefined);
  // Who joins a model that waits already is measured by that one's turn.
  assert.equal((await refusal(scene, keyOf(9, 'busy'), nowMs + 100))?.code, 'OVERLOADED');
  for (let load = 0; load < 12; load++) {
    scene.lanes.finish(0);
    await quiet();
  }
  assert.equal(loaded.length, 10);
});

test('an idle worker refuses nobody, however slow the loads were and however short the deadline', async () => {
  const scene = timed();
  await pace(scene, 3, 60_000);
  assert.equal(await refusal(scene, keyOf(0), scene.time.nowMs + 1), undefined);
});

test('lanes side by side make the line move faster, also when only one was busy so far', async () => {
  const scene = timed({ workerLoads: 4, parallelLoads: 4 });
  await pace(scene, 3, 100);
  for (let model = 0; model < 10; model++)
    scene.residency.load(keyOf(model), 1, waiterOf({ loaded: () => undefined, failed: assert.fail }));
  await quiet();
  // Four under way, six wait; a lane is free when seven of them are done, one every 25 ms.
  assert.equal((await refusal(scene, keyOf(10), scene.time.nowMs + 174))?.retryAfterSeconds, 0.175);
  assert.equal(await refusal(scene, keyOf(10), scene.time.nowMs + 176), undefined);
});

test('short loads do not wait for slots that long ones have', async () => {
  const heavyBytes = 8 * 1024 * 1024;
  const { lanes, residency } = world({ budgetBytes: 100 * heavyBytes, workerLoads: 2, workerHeavyLoads: 1 });
  const ask = (model: number, bytes: number): void =>
    residency.load(keyOf(model), bytes, waiterOf({ loaded: () => undefined, failed: assert.fail }));
  for (let model = 0; model < 3; model++) ask(model, heavyBytes);
  for (let model = 3; model < 6; model++) ask(model, 1);
  await quiet();
  assert.deepEqual(lanes.loading(), [0, 3, 4].map(digestOf), 'one long and two short');
  lanes.finish(1);
  await quiet();
  assert.deepEqual(lanes.loading(), [0, 4, 5].map(digestOf));
  lanes.finish(0);
  await quiet();
  assert.deepEqual(lanes.loading(), [4, 5, 1].map(digestOf));
});

test('a caller that goes away ends neither the load for the others nor one that has begun', async () => {
  const { lanes, residency } = world();
  const gone = waiterOf({ loaded: () => assert.fail(), failed: () => assert.fail() });
  const stays = Promise.withResolvers<Lease>();
  residency.load(keyOf(1), 10, gone);
  residency.load(keyOf(1), 10, waiterOf({ loaded: stays.resolve, failed: stays.reject }));
  residency.load(keyOf(2), 10, gone);
  await quiet();
  residency.abandon(keyOf(1), gone);
  residency.abandon(keyOf(2), gone);
  lanes.finish(0);
  lanes.finish(0);
  residency.release(await stays.promise);
  await quiet();
  assert.ok(residency.isResident(keyOf(1)));
  assert.ok(residency.isResident(keyOf(2)));
});

test('a load that nobody waits for any more does not begin', async () => {
  const { lanes, residency } = world({ workerLoads: 1 });
  const gone = waiterOf({ loaded: () => assert.fail(), failed: () => assert.fail() });
  residency.load(
    keyOf(1),
    10,
    waiterOf({ loaded: (lease) => residency.release(lease), failed: assert.fail }),
  );
  residency.load(keyOf(2), 10, gone);
  await quiet();
  residency.abandon(keyOf(2), gone);
  lanes.finish(0);
  await quiet();
  assert.equal(lanes.busy, false);
  assert.equal(residency.copy(keyOf(2)), undefined);
});

test('a newcomer serves all who waited for it before it can go', async () => {
  const { lanes, residency } = world();
  const leases: Lease[] = [];
  for (let waiter = 0; waiter < 3; waiter++)
    residency.load(keyOf(1), 100, waiterOf({ loaded: (lease) => leases.push(lease), failed: assert.fail }));
  // The first is done with it at once, and the next model needs all of the memory.
  residency.load(keyOf(2), 100, waiterOf({ loaded: (lease) => leases.push(lease), failed: assert.fail }));
  await quiet();
  lanes.finish(0);
  await quiet();
  assert.deepEqual(
    leases.map(({ key }) => key),
    [keyOf(1), keyOf(1), keyOf(1)],
  );
  for (const lease of leases.splice(0)) {
    assert.ok(lanes.isLoaded(lease.placed.handle));
    residency.release(lease);
  }
  await quiet();
  lanes.finish(0);
  await quiet();
  lanes.finish(0);
  await quiet();
  assert.deepEqual(
    leases.map(({ key }) => key),
    [keyOf(2)],
  );
});

test('models that are asked for once displace each other, not those in use', async () => {
  const scene = world();
  const hot = Array.from({ length: 5 }, (_, model) => keyOf(model, 'hot'));
  for (let round = 0; round < 5; round++) for (const key of hot) await touch(scene, key, 10);
  let misses = 0;
  for (let round = 0; round < 40; round++) {
    // More than there is memory for, each only once.
    for (let model = 0; model < 12; model++) await touch(scene, keyOf(round * 12 + model, 'once'), 10);
    for (const key of hot) if (await touch(scene, key, 10)) misses++;
  }
  assert.ok(misses <= 20, `${misses} of 200 requests for models in use found them gone`);
});

test('background runs neither keep a model nor count as its use', async () => {
  const scene = world();
  for (const model of [1, 2]) await touch(scene, keyOf(model), 50);
  for (let run = 0; run < 10; run++) assert.equal(await touch(scene, keyOf(1), 50, true), false);
  assert.equal(scene.residency.copy(keyOf(1))?.uses, 1);
  await touch(scene, keyOf(3), 50);
  assert.deepEqual(scene.evicted, [{ key: keyOf(1), reason: 'room', displacer: keyOf(3) }]);
});

test('what the process takes beyond its models counts: others go for it, and without them nothing is loaded', async () => {
  let excessBytes = 0;
  const scene = world({ memoryWaitMs: 5, excessBytes: () => excessBytes });
  await touch(scene, keyOf(1), 40);
  excessBytes = 30;
  await touch(scene, keyOf(2), 40);
  assert.deepEqual(scene.evicted, [{ key: keyOf(1), reason: 'excess', displacer: keyOf(2) }]);
  excessBytes = 90;
  assert.equal(scene.residency.hasSpare(20), false);
  await assert.rejects(
    ask(scene, keyOf(3), 20),
    /40 of 100 budget bytes .* and 90 bytes more by the process/,
  );
  assert.ok(scene.residency.isResident(keyOf(2)), 'what would not help is not evicted');
  // It falls while the load waits: that alone lets it begin.
  const patient = world({ excessBytes: () => excessBytes });
  const asked = ask(patient, keyOf(3), 20);
  await quiet();
  assert.equal(patient.lanes.busy, false);
  excessBytes = 0;
  assert.equal((await asked).cold, true);
});

test('two suspects are never loaded beside each other; the others pass by', async () => {
  const suspects = new Set([keyOf(1), keyOf(2), keyOf(3)]);
  const { lanes, residency } = world({ suspects });
  const loaded: string[] = [];
  for (const model of [1, 2, 3, 4, 5])
    residency.load(
      keyOf(model),
      10,
      waiterOf({ loaded: ({ key }) => loaded.push(key), failed: assert.fail }),
    );
  const loading: number[] = [];
  for (let step = 0; step < 5; step++) {
    await quiet();
    loading.push(
      lanes.loading().filter((digest) => [1, 2, 3].some((model) => keyOf(model).endsWith(digest))).length,
    );
    lanes.finish(0);
  }
  await quiet();
  assert.deepEqual(
    loaded.toSorted(),
    [1, 2, 3, 4, 5].map((model) => keyOf(model)),
  );
  assert.deepEqual(loaded.slice(0, 3), [keyOf(1), keyOf(4), keyOf(5)]);
  assert.ok(Math.max(...loading) <= 1);
});
