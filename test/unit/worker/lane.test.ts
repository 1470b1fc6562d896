import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Registry } from 'prom-client';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import type { LaneModel, LaneRun, RunOutcome } from '../../../src/worker/lane/batch.ts';
import { Lane } from '../../../src/worker/lane/lane.ts';
import { makeWorkerMetrics } from '../../../src/worker/metrics.ts';
import { sectionBytes, writeSection } from '../../../src/wire/tensor-section.ts';
import { prepareArtifact } from '../../../src/model/onnx/prepare.ts';
import { loadArtifact, loadCase, feedsOf } from '../../support/cases.ts';

/** A real lane thread; a clock that stands still unless a test moves it. */
let nowMs = 0;
const lost: Error[] = [];
const registry = new Registry();
let lane: Lane;

before(async () => {
  lane = new Lane({
    clock: () => nowMs,
    limits: DEFAULT_LIMITS,
    metrics: makeWorkerMetrics(registry),
    onLost: (error) => lost.push(error),
  });
  await lane.ready();
});

after(() => lane.close());

const artifact = (): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(prepareArtifact(loadArtifact('churn-logreg')).bytes);
const tensors = feedsOf(loadCase('churn-logreg'));
const section = Buffer.alloc(sectionBytes(tensors));
writeSection(section, 0, tensors);

interface Asked extends LaneRun {
  begunMs: number | undefined;
  readonly outcome: Promise<RunOutcome>;
}

function ask(tenant: string, model: LaneModel, order: string[] = [], background = false): Asked {
  const { promise, resolve } = Promise.withResolvers<RunOutcome>();
  const asked: Asked = {
    key: tenant,
    tenant,
    model,
    section,
    partRows: 0,
    background,
    expiresAtMs: nowMs + 1_000,
    begunMs: undefined,
    outcome: promise,
    begin(atMs) {
      asked.begunMs = atMs;
      order.push(tenant);
    },
    end: resolve,
  };
  lane.run(asked);
  return asked;
}

async function batches(): Promise<{ count: number; runs: number; upTo64: number }> {
  const found = (await registry.getSingleMetric('shoal_worker_lane_batch_runs')?.get())?.values ?? [];
  const values = found as { metricName?: string; value: number; labels: { le?: number | string } }[];
  const valueOf = (suffix: string): number =>
    values.find((one) => one.metricName?.endsWith(suffix) === true)?.value ?? 0;
  const upTo64 = values.find((one) => one.labels.le === 64)?.value ?? 0;
  return { count: valueOf('_count'), runs: valueOf('_sum'), upTo64 };
}

test('what arrives together goes as messages of at most 64, tenants taking turns', async () => {
  const model: LaneModel = { handle: 1, runUs: 1 };
  await lane.load('1', 1, artifact());
  const before = await batches();
  const order: string[] = [];
  const busy = Array.from({ length: 100 }, () => ask('busy', model, order));
  const quiet = [ask('quiet', model, order), ask('quiet', model, order)];
  await Promise.all([...busy, ...quiet].map((one) => one.outcome));
  assert.deepEqual(order.slice(0, 4), ['busy', 'quiet', 'busy', 'quiet']);
  const after = await batches();
  assert.equal(after.runs - before.runs, 102);
  assert.ok(after.count - before.count >= 2);
  assert.equal(after.upTo64, after.count);
});

test('a slow model does not share a message with the others', async () => {
  await lane.load('2', 2, artifact());
  await lane.load('3', 3, artifact());
  const before = await batches();
  const fast = ask('a', { handle: 2, runUs: 1 });
  const slow = ask('b', { handle: 3, runUs: 50_000 });
  assert.ok(lane.delayUs() >= 50_000);
  const fastToo = ask('a', { handle: 2, runUs: 1 });
  await Promise.all([fast, slow, fastToo].map((one) => one.outcome));
  assert.equal((await batches()).count - before.count, 3);
  assert.equal(lane.delayUs(), 0);
});

test('what expired or was taken back never runs', async () => {
  await lane.load('4', 4, artifact());
  const model: LaneModel = { handle: 4, runUs: 1 };
  const expired = ask('a', model);
  const cancelled = ask('a', model);
  assert.equal(lane.cancel(cancelled), true);
  assert.equal(lane.cancel(cancelled), false);
  nowMs += 1_000;
  const outcome = await expired.outcome;
  assert.ok(!outcome.ok && outcome.failure.code === 'DEADLINE_EXCEEDED');
  assert.equal(expired.begunMs, undefined);
  assert.equal(cancelled.begunMs, undefined);
});

test('a load goes on when every run that waits beside it has expired', async () => {
  await lane.load('7', 7, artifact());
  const model: LaneModel = { handle: 7, runUs: 1 };
  const expired = ask('a', model);
  nowMs += 1_000;
  const loaded = lane.load('8', 8, artifact());
  assert.ok(!(await expired.outcome).ok);
  assert.ok((await loaded) > 0);
});

test('background runs wait until nothing else does, and go one a message', async () => {
  await lane.load('9', 9, artifact());
  const model: LaneModel = { handle: 9, runUs: 1 };
  const order: string[] = [];
  const before = await batches();
  const shadows = [ask('shadow', model, order, true), ask('shadow', model, order, true)];
  const cancelled = ask('shadow', model, order, true);
  assert.equal(lane.delayUs(), 0);
  const production = Array.from({ length: 100 }, () => ask('a', model, order));
  assert.equal(lane.cancel(cancelled), true);
  await Promise.all([...shadows, ...production].map((one) => one.outcome));
  assert.deepEqual(order.slice(-2), ['shadow', 'shadow']);
  assert.equal(order.length, 102);
  assert.equal((await batches()).runs - before.runs, 100);
});

test('one run that fails leaves the others of its message alone', async () => {
  await lane.load('5', 5, artifact());
  const released = ask('a', { handle: 99, runUs: 1 });
  const good = ask('b', { handle: 5, runUs: 1 });
  const [failed, fine] = await Promise.all([released.outcome, good.outcome]);
  assert.ok(!failed.ok && failed.failure.code === 'INTERNAL');
  assert.ok(fine.ok);
  await lane.release(5);
  const gone = await ask('b', { handle: 5, runUs: 1 }).outcome;
  assert.ok(!gone.ok);
  await assert.rejects(lane.load('6', 6, Uint8Array.of(1, 2, 3)), { code: 'INVALID_ARTIFACT' });
  assert.deepEqual(lost, []);
});

test('what waits when the lane is closed is answered as lost, and that is no accident', async () => {
  const closing = new Lane({
    clock: () => nowMs,
    limits: DEFAULT_LIMITS,
    metrics: makeWorkerMetrics(new Registry()),
    onLost: (error) => lost.push(error),
  });
  await closing.ready();
  const refused = assert.rejects(closing.load('1', 1, artifact()), { code: 'SHUTTING_DOWN' });
  await closing.close();
  await refused;
  assert.deepEqual(lost, []);
});
