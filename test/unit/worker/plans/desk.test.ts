import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import type { Digest } from '../../../../src/core/ids.ts';
import { DEFAULT_LIMITS, type Limits } from '../../../../src/core/limits.ts';
import { encodePlan } from '../../../../src/model/plan/blob.ts';
import type { PlanStructure } from '../../../../src/model/plan/structure.ts';
import { sectionBytes, writeSection } from '../../../../src/wire/tensor-section.ts';
import { Host } from '../../../../src/worker/host.ts';
import type { Job, JobResult } from '../../../../src/worker/job.ts';
import type { LaneRun } from '../../../../src/worker/lane/batch.ts';
import type { Lanes } from '../../../../src/worker/lanes.ts';
import type { Lease } from '../../../../src/worker/lease.ts';
import { makeWorkerMetrics } from '../../../../src/worker/metrics.ts';
import { Models } from '../../../../src/worker/models.ts';
import { columnTensor } from '../../../support/tensors.ts';
import { keyOf, quiet, waiterOf } from '../residency-world.ts';
import { StepLanes } from '../step-lanes.ts';

/** Answers what it is asked. */
const ECHO: PlanStructure = {
  format: 1,
  inputs: [{ name: 'X', datatype: 'FP32', dims: [1], register: 0 }],
  registers: [{ kind: 'f32', width: 1 }],
  steps: [],
  outputs: [{ name: 'X', datatype: 'FP32', dims: [1], register: 0 }],
};
const PLAN = encodePlan(ECHO, [new Float32Array(100)], 1_000);

function section(rows = 1): Buffer {
  const column = columnTensor(
    'X',
    'FP32',
    Array.from({ length: rows }, (_, row) => [row]),
  );
  const bytes = Buffer.alloc(sectionBytes([column]));
  writeSection(bytes, 0, [column]);
  return bytes;
}

function scene(limits: Partial<Limits> = {}) {
  const lanes = new StepLanes();
  const laneRuns: LaneRun[] = [];
  const lane = {
    run: (run: LaneRun) => laneRuns.push(run),
    cancel: (run: LaneRun) => laneRuns.splice(laneRuns.indexOf(run), 1).length > 0,
    delayUs: () => 0,
  };
  const state = { nowMs: 1_000, stepMs: 0, suspects: new Set<string>() };
  const clock = (): number => (state.nowMs += state.stepMs);
  const registry = new Registry();
  const metrics = makeWorkerMetrics(registry);
  const all = { ...DEFAULT_LIMITS, memoryWaitMs: 50, ...limits };
  const models = new Models({
    budgetBytes: 1_000_000,
    limits: all,
    lanes: Object.assign(lanes, { forPlan: () => lane as never }),
    artifacts: { read: (digest: Digest) => Promise.resolve(Buffer.from(digest)) },
    reader: {
      read: (digest) => (digest === PLAN.digest ? PLAN.bytes : undefined),
      readStructure: () => PLAN.structure,
      close: () => undefined,
    },
    pageReturn: undefined,
    registry,
    metrics,
    clock,
    excessBytes: () => 0,
    suspects: { has: (key: string) => state.suspects.has(key) },
    parallelLoads: { light: 1, heavy: 1 },
    onFreed: () => host.onFreed(),
    onEvicted: () => undefined,
  });
  const host: Host = new Host({
    limits: all,
    lanes: { queueDelayUs: () => 0 } as unknown as Lanes,
    residency: models.residency,
    plans: models.plans.desk,
    metrics,
    clock,
    onBug: assert.fail,
  });
  const order: string[] = [];
  const start = (
    tenant: string,
    more: { background?: boolean; rows?: number; timeoutMs?: number } = {},
  ): { job: Job; answer: Promise<JobResult & { cold: boolean }> } => {
    const { background = false, rows = 1, timeoutMs = 60_000 } = more;
    const { promise, resolve } = Promise.withResolvers<JobResult & { cold: boolean }>();
    const key = `${tenant}/m/1@${PLAN.digest}`;
    const request = { type: 'request', id: 1, key, timeoutMs, partRows: 0, residentBytes: 10 } as const;
    const job = host.submit({ ...request, background, section: section(rows) }, (result, { cold }) => {
      order.push(tenant);
      resolve({ ...result, cold });
    });
    return { job, answer: promise };
  };
  return { state, lanes, laneRuns, models, host, order, start, registry };
}

test('a plan is answered in a microtask, cold and warm', async () => {
  const { start, order, host } = scene();
  const cold = start('acme').answer;
  assert.deepEqual(order, [], 'not from inside submit');
  await Promise.resolve();
  assert.deepEqual(order, ['acme']);
  assert.equal((await cold).cold, true);
  const warm = await start('acme').answer;
  assert.ok(warm.ok && !warm.cold);
  assert.deepEqual(Buffer.from(warm.section), section());
  assert.equal(host.requests, 0);
});

test('tenants take turns, and plans have so long in one turn of the event loop', async () => {
  const { start, order, state, host } = scene();
  await start('busy').answer;
  await start('quiet').answer;
  order.length = 0;
  // Each look at the clock takes a tenth of a millisecond.
  state.stepMs = 0.1;
  const answers = Array.from({ length: 30 }, () => start('busy').answer);
  const single = start('quiet').answer;
  assert.ok(host.queueDelayUs() > 0);
  await single;
  assert.deepEqual(order.slice(0, 2), ['busy', 'quiet']);
  for (let microtask = 0; microtask < 10; microtask++) await Promise.resolve();
  assert.ok(order.length < 31, 'others have the event loop in between');
  await Promise.all(answers);
  assert.equal(host.queueDelayUs(), 0);
});

test('long runs, background ones and suspects go to a lane, leased until they end', async () => {
  const { start, laneRuns, models, state } = scene();
  await start('acme').answer;
  const { resident } = models.plans;
  const handle = resident.find(`acme/m/1@${PLAN.digest}`);
  const jobs = [start('acme', { rows: 1_000 }), start('acme', { background: true })];
  await quiet();
  state.suspects.add(`acme/m/1@${PLAN.digest}`);
  jobs.push(start('acme'));
  await quiet();
  assert.equal(laneRuns.length, 3);
  assert.equal(resident.table.fields.leases[handle], 3);
  assert.equal(resident.mayGo(handle), false);
  for (const { model } of laneRuns) assert.equal(model.plan?.base, resident.table.locate(handle).base);
  for (const run of laneRuns) {
    run.begin(state.nowMs);
    run.end({ ok: true, section: section(), runUs: 5 });
  }
  for (const { answer } of jobs) assert.ok((await answer).ok);
  assert.equal(resident.table.fields.leases[handle], 0);
  assert.equal(resident.mayGo(handle), true);
  const refused = await start('acme', { background: true }).answer;
  assert.ok(!refused.ok && refused.code === 'OVERLOADED');
});

test('what expired or was cancelled is not run', async () => {
  const { start, state, host, laneRuns, order, models } = scene();
  const late = start('acme', { timeoutMs: 5 }).answer;
  state.nowMs += 10;
  const expired = await late;
  assert.ok(!expired.ok && expired.code === 'DEADLINE_EXCEEDED');
  host.cancel(start('acme').job);
  await quiet();
  assert.equal(models.plans.resident.count, 0);
  await start('acme').answer;
  order.length = 0;
  const long = start('acme', { rows: 1_000 });
  host.cancel(long.job);
  await quiet();
  assert.deepEqual([laneRuns.length, order.length, host.requests], [0, 0, 0]);
  assert.equal(models.plans.resident.table.fields.leases[0], 0);
});

test('a plan waits for memory that leased sessions hold, and is refused when there is none in time', async () => {
  const { start, state, models, lanes, host } = scene();
  const { promise, resolve, reject } = Promise.withResolvers<Lease>();
  models.residency.load(keyOf(1), 990_000, waiterOf({ loaded: resolve, failed: reject }));
  await quiet();
  lanes.finish(0);
  const lease = await promise;
  const first = start('acme').answer;
  await quiet();
  state.nowMs += 100;
  const refused = await first;
  assert.ok(!refused.ok && refused.code === 'OVERLOADED', JSON.stringify(refused));
  const second = start('acme').answer;
  await quiet();
  assert.equal(host.requests, 1);
  models.residency.release(lease);
  while (host.requests > 0) {
    await new Promise((resolve) => setTimeout(resolve, 1));
    lanes.finish(0);
  }
  const served = await second;
  assert.ok(served.ok && served.cold);
  assert.equal(models.residency.residents.count, 0);
});
