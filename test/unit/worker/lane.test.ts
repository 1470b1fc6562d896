import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { LaneModel } from '../../../src/worker/lane/batch.ts';
import { type LaneBench, startLane } from './lane-bench.ts';

let bench: LaneBench;

before(async () => {
  bench = await startLane();
});

after(() => bench.dispose());

async function batches(): Promise<{ count: number; runs: number; upTo64: number }> {
  const found = (await bench.registry.getSingleMetric('shoal_worker_lane_batch_runs')?.get())?.values ?? [];
  const values = found as { metricName?: string; value: number; labels: { le?: number | string } }[];
  const valueOf = (suffix: string): number =>
    values.find((one) => one.metricName?.endsWith(suffix) === true)?.value ?? 0;
  const upTo64 = values.find((one) => one.labels.le === 64)?.value ?? 0;
  return { count: valueOf('_count'), runs: valueOf('_sum'), upTo64 };
}

test('what arrives together goes as messages of at most 64, tenants taking turns', async () => {
  const model: LaneModel = { handle: 1, runUs: 1 };
  await bench.lane.load('1', 1, bench.artifact());
  const before = await batches();
  const order: string[] = [];
  const busy = Array.from({ length: 100 }, () => bench.ask('busy', model, { order }));
  const quiet = [bench.ask('quiet', model, { order }), bench.ask('quiet', model, { order })];
  await Promise.all([...busy, ...quiet].map((one) => one.outcome));
  assert.deepEqual(order.slice(0, 4), ['busy', 'quiet', 'busy', 'quiet']);
  const after = await batches();
  assert.equal(after.runs - before.runs, 102);
  assert.ok(after.count - before.count >= 2);
  assert.equal(after.upTo64, after.count);
});

test('a slow model does not share a message with the others', async () => {
  await bench.lane.load('2', 2, bench.artifact());
  await bench.lane.load('3', 3, bench.artifact());
  const before = await batches();
  const fast = bench.ask('a', { handle: 2, runUs: 1 });
  const slow = bench.ask('b', { handle: 3, runUs: 50_000 });
  assert.ok(bench.lane.delayUs() >= 50_000);
  const fastToo = bench.ask('a', { handle: 2, runUs: 1 });
  await Promise.all([fast, slow, fastToo].map((one) => one.outcome));
  assert.equal((await batches()).count - before.count, 3);
  assert.equal(bench.lane.delayUs(), 0);
});

test('what expired or was taken back never runs', async () => {
  await bench.lane.load('4', 4, bench.artifact());
  const model: LaneModel = { handle: 4, runUs: 1 };
  const expired = bench.ask('a', model);
  const cancelled = bench.ask('a', model);
  assert.equal(bench.lane.cancel(cancelled), true);
  assert.equal(bench.lane.cancel(cancelled), false);
  bench.nowMs += 1_000;
  const outcome = await expired.outcome;
  assert.ok(!outcome.ok && outcome.failure.code === 'DEADLINE_EXCEEDED');
  assert.equal(expired.begunMs, undefined);
  assert.equal(cancelled.begunMs, undefined);
});

test('a load goes on when every run that waits beside it has expired', async () => {
  await bench.lane.load('7', 7, bench.artifact());
  const model: LaneModel = { handle: 7, runUs: 1 };
  const expired = bench.ask('a', model);
  bench.nowMs += 1_000;
  const loaded = bench.lane.load('8', 8, bench.artifact());
  assert.ok(!(await expired.outcome).ok);
  assert.ok((await loaded) > 0);
});

test('background runs wait until nothing else does, and go one a message', async () => {
  await bench.lane.load('9', 9, bench.artifact());
  const model: LaneModel = { handle: 9, runUs: 1 };
  const order: string[] = [];
  const before = await batches();
  const shadows = [
    bench.ask('shadow', model, { order, background: true }),
    bench.ask('shadow', model, { order, background: true }),
  ];
  const cancelled = bench.ask('shadow', model, { order, background: true });
  assert.equal(bench.lane.delayUs(), 0);
  const production = Array.from({ length: 100 }, () => bench.ask('a', model, { order }));
  assert.equal(bench.lane.cancel(cancelled), true);
  await Promise.all([...shadows, ...production].map((one) => one.outcome));
  assert.deepEqual(order.slice(-2), ['shadow', 'shadow']);
  assert.equal(order.length, 102);
  assert.equal((await batches()).runs - before.runs, 100);
});

test('releases take a few turns, so that runs wait for no more than some of them', async () => {
  await bench.lane.load('10', 10, bench.artifact());
  const handles = Array.from({ length: 40 }, (_, index) => 1_000 + index);
  const order: string[] = [];
  const released = Promise.all(
    handles.map(async (handle) => {
      await bench.lane.release(handle);
      order.push('release');
    }),
  );
  const run = bench.ask('a', { handle: 10, runUs: 1 });
  await run.outcome;
  order.push('run');
  await released;
  assert.equal(order.length, 41);
  assert.ok(order.indexOf('run') < 10, `the run was answered after ${order.indexOf('run')} releases`);
});

test('one run that fails leaves the others of its message alone', async () => {
  await bench.lane.load('5', 5, bench.artifact());
  const released = bench.ask('a', { handle: 99, runUs: 1 });
  const good = bench.ask('b', { handle: 5, runUs: 1 });
  const [failed, fine] = await Promise.all([released.outcome, good.outcome]);
  assert.ok(!failed.ok && failed.failure.code === 'INTERNAL');
  assert.ok(fine.ok);
  await bench.lane.release(5);
  const gone = await bench.ask('b', { handle: 5, runUs: 1 }).outcome;
  assert.ok(!gone.ok);
  await assert.rejects(bench.lane.load('6', 6, Uint8Array.of(1, 2, 3)), { code: 'INVALID_ARTIFACT' });
  assert.deepEqual(bench.lost, []);
});

test('what waits when the lane is closed is answered as lost, and that is no accident', async () => {
  const closing = await startLane();
  const refused = assert.rejects(closing.lane.load('1', 1, closing.artifact()), { code: 'SHUTTING_DOWN' });
  await closing.dispose();
  await refused;
  assert.deepEqual(closing.lost, []);
});
