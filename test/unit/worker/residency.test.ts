import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { ShoalError } from '../../../src/core/errors.ts';
import type { Lease, Waiter } from '../../../src/worker/lease.ts';
import { BUDGET_BYTES, keyOf, quiet, waiterOf, world } from './residency-world.ts';

const step = fc.oneof(
  fc.record({
    do: fc.constant('want' as const),
    model: fc.integer({ min: 0, max: 7 }),
  }),
  fc.record({ do: fc.constant('release' as const), pick: fc.nat() }, { noNullPrototype: true }),
  fc.record({ do: fc.constant('abandon' as const), pick: fc.nat() }, { noNullPrototype: true }),
  fc.record(
    { do: fc.constant('finish' as const), pick: fc.nat(), fails: fc.boolean() },
    { noNullPrototype: true },
  ),
  fc.record({ do: fc.constant('pin' as const), model: fc.integer({ min: 0, max: 7 }), pinMs: fc.nat(300) }),
  fc.record({ do: fc.constant('excess' as const), bytes: fc.nat(60) }),
  fc.record({ do: fc.constant('pass' as const), ms: fc.nat(100) }),
);

test('budget, leases, pins and single flight hold in any order of events; nobody waits for ever', async () => {
  const sizes = [10, 20, 30, 40, 50, 60, 100, 101];
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      let nowMs = 1_000;
      let excessBytes = 0;
      const { lanes, residency, evicted } = world({
        clock: () => nowMs,
        excessBytes: () => excessBytes,
        idleTtlMs: 160,
        memoryWaitMs: 20,
        historyVersions: 3,
      });
      const { pins } = residency.residents;
      const leases: Lease[] = [];
      const waiting = new Map<Waiter, string>();
      const want = (model: number): void => {
        const key = keyOf(model);
        const lease = residency.lease(key, false);
        if (lease !== undefined) return void leases.push(lease);
        const waiter: Waiter = waiterOf({
          loaded(lease) {
            assert.equal(lease.key, key);
            assert.ok(waiting.delete(waiter));
            leases.push(lease);
          },
          failed() {
            assert.ok(waiting.delete(waiter));
          },
        });
        waiting.set(waiter, key);
        residency.load(key, sizes[model] as number, waiter);
      };
      const tryPin = (key: string, residentBytes: number, pinMs: number): void => {
        try {
          pins.pin(key, residentBytes, nowMs + pinMs, nowMs);
        } catch (error) {
          assert.equal((error as ShoalError).code, 'OVERLOADED');
        }
      };
      let loadingBefore: readonly string[] = [];
      const check = (): void => {
        // Invariant 4.
        assert.ok(residency.residents.usedBytes <= BUDGET_BYTES);
        if (lanes.loading().some((artifact) => !loadingBefore.includes(artifact)))
          assert.ok(residency.residents.usedBytes + excessBytes <= BUDGET_BYTES);
        loadingBefore = lanes.loading();
        for (const { key } of evicted.splice(0)) assert.equal(pins.pinnedUntilMs(key, nowMs), undefined);
        // Invariant 3: what is leased is loaded and not being released.
        for (const lease of leases) assert.ok(lanes.isLoaded(lease.placed.handle));
        // Invariant 5: one load a model at a time.
        assert.equal(new Set(lanes.loading()).size, lanes.loading().length);
      };
      for (const one of steps) {
        if (one.do === 'want') want(one.model);
        else if (one.do === 'release' && leases.length > 0) {
          residency.release(leases.splice(one.pick % leases.length, 1)[0] as Lease);
        } else if (one.do === 'abandon' && waiting.size > 0) {
          const [waiter, key] = [...waiting][one.pick % waiting.size] as [Waiter, string];
          waiting.delete(waiter);
          residency.abandon(key, waiter);
        } else if (one.do === 'finish') {
          lanes.finish(one.pick, one.fails ? new ShoalError('INVALID_ARTIFACT', 'no') : undefined);
        } else if (one.do === 'pin' && (sizes[one.model] as number) <= BUDGET_BYTES / 2) {
          const copy = residency.copy(keyOf(one.model));
          if (copy?.state === 'resident') tryPin(copy.key, copy.residentBytes, one.pinMs);
        } else if (one.do === 'excess') excessBytes = one.bytes;
        else if (one.do === 'pass') {
          nowMs += one.ms;
          residency.sweepIdle();
        }
        await quiet();
        check();
      }
      nowMs += 1_000;
      excessBytes = 0;
      while (waiting.size > 0 || lanes.busy) {
        for (const lease of leases.splice(0)) residency.release(lease);
        lanes.finish(0);
        await quiet();
        check();
      }
      for (const lease of leases.splice(0)) residency.release(lease);
      let residentBytes = 0;
      for (const [model, bytes] of sizes.entries()) {
        const key = keyOf(model);
        if (residency.isResident(key)) residentBytes += bytes;
        const isKnown =
          residency.copy(key) !== undefined || residency.residents.history.get(key) !== undefined;
        assert.deepEqual([...residency.residents.versions.keysOf(`acme/m${model}`)], isKnown ? [key] : []);
      }
      assert.equal(residency.residents.usedBytes, residentBytes);
      assert.equal(residency.residents.count, lanes.loadedCount);
    }),
    { numRuns: 200 },
  );
});

test('when all memory is leased a load waits, then fails with the reason', async () => {
  const { lanes, residency } = world({ memoryWaitMs: 5 });
  const first = await new Promise<Lease>((resolve, reject) => {
    residency.load(keyOf(1), 80, waiterOf({ loaded: resolve, failed: reject }));
    void quiet().then(() => lanes.finish(0));
  });
  const error = await new Promise<ShoalError>((resolve, reject) => {
    residency.load(keyOf(2), 30, waiterOf({ loaded: () => reject(new Error('loaded')), failed: resolve }));
  });
  assert.equal(error.code, 'OVERLOADED');
  assert.match(error.message, /80 of 100 budget bytes are in use by 1 resident models/);
  residency.release(first);
  assert.ok(residency.isResident(keyOf(1)));
});

test('a failed load is not remembered', async () => {
  const { lanes, residency } = world();
  for (const code of ['INVALID_ARTIFACT', 'UNSUPPORTED_ARTIFACT'] as const) {
    const failed = new Promise<ShoalError>((resolve) => {
      residency.load(keyOf(1), 10, waiterOf({ loaded: () => assert.fail(), failed: resolve }));
    });
    await quiet();
    lanes.finish(0, new ShoalError(code, 'no'));
    assert.equal((await failed).code, code);
    assert.equal(residency.residents.usedBytes, 0);
  }
});

test('no more loads are under way than allowed', async () => {
  const { lanes, residency } = world({ workerLoads: 2 });
  const done: number[] = [];
  for (const model of [1, 2, 3]) {
    residency.load(
      keyOf(model),
      10,
      waiterOf({ loaded: () => done.push(model), failed: () => assert.fail() }),
    );
  }
  await quiet();
  assert.equal(lanes.loading().length, 2);
  lanes.finish(0);
  await quiet();
  assert.deepEqual(done, [1]);
  assert.equal(lanes.loading().length, 2);
});

test('waiting for a load slot is no shortage of memory', async () => {
  const { lanes, residency } = world({ workerLoads: 1, memoryWaitMs: 5 });
  const loaded: number[] = [];
  for (const model of [1, 2])
    residency.load(keyOf(model), 10, waiterOf({ loaded: () => loaded.push(model), failed: assert.fail }));
  await quiet();
  // The wait for memory would be over long ago.
  await new Promise((resolve) => setTimeout(resolve, 20));
  lanes.finish(0);
  await quiet();
  lanes.finish(0);
  await quiet();
  assert.deepEqual(loaded, [1, 2]);
});

test('everyone in line fails once there has been no memory for the wait, and not one wait after the other', async () => {
  const { lanes, residency } = world({ memoryWaitMs: 50 });
  const loaded = new Promise<Lease>((resolve) => {
    residency.load(keyOf(0), 100, waiterOf({ loaded: resolve, failed: assert.fail }));
  });
  await quiet();
  lanes.finish(0);
  await loaded;
  const failed: Promise<ShoalError>[] = [];
  for (let model = 1; model <= 100; model++) {
    const { promise, resolve } = Promise.withResolvers<ShoalError>();
    residency.load(keyOf(model), 10, waiterOf({ loaded: () => assert.fail(), failed: resolve }));
    failed.push(promise);
  }
  await failed[0];
  const errors = await Promise.race([Promise.all(failed), quiet()]);
  assert.deepEqual(new Set(errors?.map(({ code }) => code)), new Set(['OVERLOADED']));
});

test('tenants take turns: one with many cold models does not keep another waiting', async () => {
  const { lanes, residency } = world({ workerLoads: 1 });
  const order: string[] = [];
  const want = (tenant: string, model: number): void =>
    residency.load(
      keyOf(model, tenant),
      1,
      waiterOf({
        loaded: ({ key }) => order.push(key.slice(0, key.indexOf('/1@'))),
        failed: assert.fail,
      }),
    );
  for (let model = 0; model < 30; model++) want('busy', model);
  want('quiet', 0);
  for (let load = 0; load < 3; load++) {
    await quiet();
    lanes.finish(0);
  }
  await quiet();
  assert.deepEqual(order, ['busy/m0', 'quiet/m0', 'busy/m1']);
});

test('a model larger than the whole budget is no matter of waiting', async () => {
  const { residency } = world();
  const error = await new Promise<ShoalError>((resolve) => {
    residency.load(keyOf(1), 101, waiterOf({ loaded: () => assert.fail(), failed: resolve }));
  });
  assert.equal(error.code, 'UNSUPPORTED_ARTIFACT');
  assert.match(error.message, /needs 101 bytes, the worker's whole budget is 100 bytes/);
});
