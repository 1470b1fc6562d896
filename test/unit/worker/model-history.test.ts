import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ModelHistory } from '../../../src/wire/control.ts';
import { historyOf } from '../../../src/worker/model-history.ts';
import { keyOf, quiet, touch, waiterOf, world, type WorldSettings } from './residency-world.ts';

function scene(settings: WorldSettings = {}) {
  const time = { nowMs: 60_000 };
  const parts = world({ ...settings, clock: () => time.nowMs });
  const now = () => ({
    nowMs: time.nowMs,
    idleTtlMs: settings.idleTtlMs,
    iso: (ms: number) => new Date(ms).toISOString(),
  });
  const why = (model: number): ModelHistory | undefined =>
    historyOf(parts.residency, { livesOf: () => new Map() }, `acme/m${model}`, now())[0];
  return { time, ...parts, why };
}

test('tells when a version was loaded, used and evicted, for whom, and what would have kept it', async () => {
  const at = scene();
  await touch(at, keyOf(1), 60);
  await touch(at, keyOf(1), 60);
  at.time.nowMs += 20_000;
  await touch(at, keyOf(2), 70);
  const gone = at.why(1);
  assert.deepEqual(gone, {
    key: keyOf(1),
    state: 'gone',
    residentBytes: 60,
    loadMs: 0.001,
    loadedAt: '1970-01-01T00:01:00.000Z',
    lastUsedAt: '1970-01-01T00:01:00.000Z',
    uses: 2,
    eviction: { at: '1970-01-01T00:01:20.000Z', reason: 'room', for: keyOf(2), forBytes: 70 },
    advice:
      'A load of 70 bytes needed room, and it had not been asked for for 20 s. To stay until now it would have taken at most 60 bytes more of budget (--memory), or requests about every 20 s (180 an hour; it had 360), or minCopies of the model.',
  });
  // What had to go after it has to stay too, for it to stay for longer.
  await touch(at, keyOf(3), 80);
  assert.match(at.why(1)?.advice ?? '', /To stay until now .* at most 130 bytes more/);
  await touch(at, keyOf(1), 60);
  const back = at.why(1);
  assert.equal(back?.state, 'resident');
  assert.equal(back?.uses, 1);
  assert.equal(back?.eviction?.reason, 'room');
  await touch(at, keyOf(4), 90);
  await touch(at, keyOf(5), 90);
  assert.match(at.why(3)?.advice ?? '', /To stay until now/);
});

test('the budget that a version lacked is measured to the moment when it was asked for again', async () => {
  const at = scene({ pinnedPercent: 100 });
  await touch(at, keyOf(1), 60);
  await touch(at, keyOf(2), 70);
  await touch(at, keyOf(1), 60);
  at.residency.residents.pins.pin(keyOf(1), 60, at.time.nowMs + 1_000_000, at.time.nowMs);
  assert.match(
    at.why(1)?.advice ?? '',
    /^It is pinned until .* Before: .* until it was asked for again .* at most 60 bytes/,
  );
});

test('tells what goes on with one that waits, is loaded or leaves', async () => {
  const at = scene({ workerLoads: 1 });
  for (const model of [1, 2])
    at.residency.load(
      keyOf(model),
      60,
      waiterOf({ loaded: (lease) => at.residency.release(lease), failed: assert.fail }),
    );
  await quiet();
  assert.deepEqual([at.why(1)?.state, at.why(2)?.state], ['loading', 'waiting']);
  assert.equal(at.why(2)?.loadedAt, undefined);
  at.lanes.finish(0);
  await quiet();
  assert.deepEqual([at.why(1)?.state, at.why(2)?.state], ['leaving', 'waiting']);
  at.lanes.finish(0);
  await quiet();
  assert.deepEqual([at.why(1)?.state, at.why(2)?.state], ['gone', 'loading']);
});

test('an idle one is told of --idle-ttl', async () => {
  const at = scene({ idleTtlMs: 600_000 });
  await touch(at, keyOf(1), 60);
  assert.match(at.why(1)?.advice ?? '', /or until nobody has asked for it for 10 min \(--idle-ttl\)/);
  at.time.nowMs += 640_000;
  at.residency.sweepIdle();
  await quiet();
  at.lanes.finish(0);
  await quiet();
  assert.deepEqual(at.why(1)?.eviction, { at: '1970-01-01T00:11:40.000Z', reason: 'idle' });
  assert.match(
    at.why(1)?.advice ?? '',
    /^Nobody had asked for it for 11 min\. A longer --idle-ttl than the one of 10 min/,
  );
});

test('only so many versions are remembered; the one that left first is forgotten first', async () => {
  const at = scene({ historyVersions: 3 });
  for (let model = 1; model <= 5; model++) await touch(at, keyOf(model), 100);
  assert.deepEqual(
    [1, 2, 3, 4, 5].map((model) => at.why(model)?.state),
    [undefined, 'gone', 'gone', 'gone', 'resident'],
  );
});
