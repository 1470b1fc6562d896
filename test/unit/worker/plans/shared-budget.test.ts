import assert from 'node:assert/strict';
import { before, test } from 'node:test';
import * as fc from 'fast-check';
import { Registry } from 'prom-client';
import type { Digest } from '../../../../src/core/ids.ts';
import { DEFAULT_LIMITS } from '../../../../src/core/limits.ts';
import type { ShoalError } from '../../../../src/core/errors.ts';
import { type EncodedPlan, encodePlan } from '../../../../src/model/plan/blob.ts';
import type { PlanStructure } from '../../../../src/model/plan/structure.ts';
import { openPageReturn, type PageReturn } from '../../../../src/runtime/native-heap.ts';
import type { PlanReader } from '../../../../src/stores/plans/plans.ts';
import { makeWorkerMetrics } from '../../../../src/worker/metrics.ts';
import { Models } from '../../../../src/worker/models.ts';
import { PAGE_BYTES } from '../../../../src/worker/plans/pages.ts';
import { PlanLoads } from '../../../../src/worker/plans/plan-loads.ts';
import type { Lease } from '../../../../src/worker/lease.ts';
import { keyOf, quiet, waiterOf } from '../residency-world.ts';
import { StepLanes } from '../step-lanes.ts';

const BUDGET_BYTES = 1_500_000;
const PLANS = 24;
const SESSIONS = 8;

const STRUCTURE: PlanStructure = {
  format: 1,
  inputs: [{ name: 'X', datatype: 'FP32', dims: [1], register: 0 }],
  registers: [{ kind: 'f32', width: 1 }],
  steps: [],
  outputs: [{ name: 'X', datatype: 'FP32', dims: [1], register: 0 }],
};

/** Of very different sizes. */
const plans: readonly EncodedPlan[] = Array.from({ length: PLANS }, (_, index) =>
  encodePlan(STRUCTURE, [new Uint8Array(500 * 1.4 ** index).fill(index + 1)], 10),
);

let pageReturn: PageReturn | undefined;

before(async () => {
  pageReturn = await openPageReturn(PAGE_BYTES, () => undefined);
});

function reader(): PlanReader {
  const byDigest = new Map(plans.map((plan) => [plan.digest, plan.bytes]));
  return {
    read: (digest) => byDigest.get(digest),
    readStructure: () => plans[0]?.structure,
    close: () => undefined,
  };
}

function scene() {
  const state = { nowMs: 1_000, excessBytes: 0 };
  const lanes = new StepLanes();
  const registry = new Registry();
  const metrics = makeWorkerMetrics(registry);
  const evicted: string[] = [];
  const models = new Models({
    budgetBytes: BUDGET_BYTES,
    limits: { ...DEFAULT_LIMITS, memoryWaitMs: 20 },
    lanes: Object.assign(lanes, { forPlan: () => assert.fail('no run here') }),
    artifacts: { read: (digest: Digest) => Promise.resolve(Buffer.from(digest)) },
    reader: reader(),
    pageReturn,
    registry,
    metrics,
    clock: () => state.nowMs,
    idleTtlMs: 10_000,
    excessBytes: () => state.excessBytes,
    suspects: new Set(),
    parallelLoads: { light: 1, heavy: 1 },
    onFreed: () => undefined,
    onEvicted: (key) => evicted.push(key),
  });
  const loads = new PlanLoads({
    reader: reader(),
    plans: models.plans.resident,
    room: models.plans.room,
    metrics,
    clock: () => state.nowMs,
  });
  return { state, lanes, models, loads, evicted };
}

function planKey(index: number): string {
  return `acme/p${index}/1@${plans[index]?.digest}`;
}

const step = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('plan' as const), index: fc.nat(PLANS - 1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('session' as const), index: fc.nat(SESSIONS - 1) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('finish' as const), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('lease' as const), index: fc.nat(PLANS - 1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('unlease' as const), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('release' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pin' as const), index: fc.nat(PLANS - 1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('excess' as const), bytes: fc.nat(300_000) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('pass' as const), ms: fc.nat(6_000) }) },
);

test('plans and sessions keep within one budget; what is leased or pinned stays; contents stay whole', async () => {
  let loadedPlans = 0;
  let gonePlans = 0;
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 80, size: 'max' }), async (steps) => {
      const { state, lanes, models, loads, evicted } = scene();
      const { resident, room } = models.plans;
      const { pins } = models.residency.residents;
      const leased: { handle: number; place: number }[] = [];
      const leases: Lease[] = [];
      const check = (): void => {
        assert.ok(models.usedBytes <= BUDGET_BYTES, `${models.usedBytes} of ${BUDGET_BYTES} bytes`);
        for (const key of evicted.splice(0)) {
          gonePlans++;
          assert.equal(pins.pinnedUntilMs(key, state.nowMs), undefined);
        }
        for (const { handle, place } of leased) assert.equal(resident.table.placeOf(handle), place);
        for (const lease of leases) assert.ok(lanes.isLoaded(lease.placed.handle));
        for (const [index, plan] of plans.entries()) {
          const handle = resident.find(planKey(index));
          if (handle < 0) continue;
          const { chunk, base } = resident.table.locate(handle);
          assert.deepEqual(chunk.memory.u8.slice(base, base + plan.bytes.byteLength), plan.bytes);
        }
      };
      for (const one of steps) {
        if (one.do === 'plan') {
          const handle = resident.find(planKey(one.index));
          if (handle >= 0) resident.use(handle, state.nowMs);
          else if (typeof loads.load(planKey(one.index), false) === 'number') loadedPlans++;
        } else if (one.do === 'session') {
          const key = keyOf(one.index);
          const lease = models.residency.lease(key, false);
          if (lease !== undefined) leases.push(lease);
          else if (models.residency.copy(key) === undefined)
            models.residency.load(
              key,
              50_000 * (one.index + 1),
              waiterOf({
                loaded: (lease) => leases.push(lease),
                failed: (error) => assert.equal(error.code, 'OVERLOADED'),
              }),
            );
        } else if (one.do === 'finish') lanes.finish(one.pick);
        else if (one.do === 'lease') {
          const handle = resident.find(planKey(one.index));
          if (handle < 0) continue;
          resident.lease(handle);
          leased.push({ handle, place: resident.table.placeOf(handle) });
        } else if (one.do === 'unlease') {
          const [gone] = leased.splice(one.pick % Math.max(1, leased.length), 1);
          if (gone !== undefined) resident.unlease(gone.handle);
        } else if (one.do === 'release') {
          const [gone] = leases.splice(one.pick % Math.max(1, leases.length), 1);
          if (gone !== undefined) models.residency.release(gone);
        } else if (one.do === 'pin') {
          const handle = resident.find(planKey(one.index));
          if (handle < 0) continue;
          try {
            pins.pin(planKey(one.index), resident.bytesOf(handle), state.nowMs + 500, state.nowMs);
            resident.pinned(handle);
          } catch (error) {
            assert.equal((error as ShoalError).code, 'OVERLOADED');
          }
        } else if (one.do === 'excess') state.excessBytes = one.bytes;
        else {
          state.nowMs += one.ms;
          models.residency.sweepIdle();
          room.sweepIdle();
        }
        check();
        await quiet();
        check();
      }
      for (const { handle } of leased) resident.unlease(handle);
      for (const lease of leases) models.residency.release(lease);
      state.excessBytes = 0;
      state.nowMs += 60_000;
      for (let round = 0; round < 40 || lanes.busy; round++) {
        lanes.finish(0);
        models.residency.sweepIdle();
        room.sweepIdle();
        state.nowMs += 20_000;
        await quiet();
      }
      assert.equal(resident.count, 0);
      assert.equal(resident.table.slabs.heldBytes, pageReturn === undefined ? room.usedBytes : 0);
    }),
    { numRuns: 100 },
  );
  assert.ok(loadedPlans > 500 && gonePlans > 100, `${loadedPlans} loaded, ${gonePlans} evicted`);
});

test('plans of little use go for sessions, and sessions of little use for plans', async () => {
  const { lanes, models, loads } = scene();
  const { resident } = models.plans;
  for (let index = 0; index < PLANS; index++) loads.load(planKey(index), false);
  assert.ok(resident.count > 10);
  const load = async (index: number): Promise<Lease> => {
    const { promise, resolve, reject } = Promise.withResolvers<Lease>();
    const state = { isWaiting: true };
    void promise.then(() => (state.isWaiting = false)).catch(() => undefined);
    models.residency.load(keyOf(index), 250_000, waiterOf({ loaded: resolve, failed: reject }));
    while (state.isWaiting) {
      await quiet();
      lanes.finish(0);
    }
    return promise;
  };
  const before = resident.count;
  for (let index = 0; index < 4; index++) models.residency.release(await load(index));
  assert.ok(resident.count < before, 'plans went');
  assert.equal(models.residency.residents.count, 4);
  // Plans that are asked for again and again.
  for (let round = 0; round < 200; round++)
    for (let index = 0; index < PLANS - 2; index++) {
      const found = resident.find(planKey(index));
      const handle = found >= 0 ? found : loads.load(planKey(index), false);
      if (typeof handle === 'number') resident.use(handle, 1_000);
      lanes.finish(0);
      if (round % 10 === 0) await quiet();
    }
  assert.ok(models.residency.residents.count < 4, 'sessions went');
  assert.ok(models.usedBytes <= BUDGET_BYTES);
});
