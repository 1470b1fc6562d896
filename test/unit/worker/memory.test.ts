import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { WorkerMemory } from '../../../src/worker/memory.ts';

const MIB = 1024 * 1024;
const POLLS_A_SAMPLE = 10;
const SAMPLES = 8;

/** A process whose figures a test sets; polled by hand. `freeBytes` is what a trim gives back. */
function watched(withHeap = true) {
  const now = { rssBytes: 100 * MIB, countedBytes: 0, availableBytes: 10_000 * MIB, freeBytes: 0 };
  const over: { rssBytes: number; cause: string }[] = [];
  const failures: Error[] = [];
  const registry = new Registry();
  let trimError: Error | undefined;
  const memory = new WorkerMemory({
    budgetBytes: 1_000 * MIB,
    limits: { ...DEFAULT_LIMITS, workerOverheadBytes: 500 * MIB },
    countedBytes: () => now.countedBytes,
    heap: withHeap
      ? {
          usedBytes: () => 0,
          trim() {
            if (trimError !== undefined) return Promise.reject(trimError);
            now.rssBytes -= now.freeBytes;
            now.freeBytes = 0;
            return Promise.resolve();
          },
        }
      : undefined,
    readings: { rssBytes: () => now.rssBytes, availableBytes: () => now.availableBytes },
    registry,
    onOver: (rssBytes, cause) => over.push({ rssBytes, cause }),
    onTrimFailed: (error) => failures.push(error),
  });
  const sample = async (times = 1): Promise<void> => {
    for (let poll = 0; poll < times * POLLS_A_SAMPLE; poll++) await memory.poll();
  };
  const metric = async (name: string): Promise<number> => {
    const found = await registry.getSingleMetric(`shoal_worker_${name}`)?.get();
    return found?.values[0]?.value ?? Number.NaN;
  };
  const failTrims = (error: Error): void => void (trimError = error);
  return { now, over, failures, memory, sample, metric, failTrims };
}

test('what models were measured to take is no excess, what lasts beyond the overhead is', async () => {
  const { now, memory, sample, metric } = watched(false);
  now.countedBytes = 900 * MIB;
  now.rssBytes = 1_400 * MIB;
  await sample(SAMPLES);
  assert.equal(memory.excessBytes(), 0);
  now.rssBytes = 1_500 * MIB;
  await sample(SAMPLES - 1);
  assert.equal(memory.excessBytes(), 0, 'a peak evicts nothing');
  await sample();
  assert.equal(memory.excessBytes(), 100 * MIB);
  assert.equal(await metric('excess_bytes'), 100 * MIB);
  assert.equal(await metric('rss_bytes'), 1_500 * MIB);
  now.rssBytes = 1_000 * MIB;
  await sample();
  assert.equal(memory.excessBytes(), 0);
});

test('free pages go back to the system, and what a trim can not give back is not tried for again', async () => {
  const { now, sample, metric } = watched();
  now.rssBytes = 400 * MIB;
  now.freeBytes = 250 * MIB;
  await sample(SAMPLES);
  assert.equal(now.rssBytes, 150 * MIB);
  assert.equal(await metric('trims_total'), 1);
  now.rssBytes = 300 * MIB;
  await sample(SAMPLES);
  assert.equal(await metric('trims_total'), 2);
  await sample(5 * SAMPLES);
  assert.equal(await metric('trims_total'), 2);
  assert.equal(await metric('baseline_bytes'), 300 * MIB);
});

test('a trim that fails is told and tried again after a pause', async () => {
  const { now, sample, failures, failTrims } = watched();
  failTrims(new Error('no such function'));
  now.rssBytes = 400 * MIB;
  await sample();
  assert.deepEqual(
    failures.map(({ message }) => message),
    ['no such function'],
  );
  now.rssBytes = 500 * MIB;
  await sample();
  assert.equal(failures.length, 1);
  await sample(SAMPLES);
  assert.equal(failures.length, 2);
});

test('a process that grows beyond everything is told of at the next poll', async () => {
  const { now, over, memory } = watched();
  now.rssBytes = 1_600 * MIB;
  await memory.poll();
  assert.deepEqual(over, [], 'the machine has memory left');
  now.availableBytes = 100 * MIB;
  await memory.poll();
  const first = { rssBytes: 1_600 * MIB, cause: 'machine-memory' };
  assert.deepEqual(over, [first]);
  now.availableBytes = 10_000 * MIB;
  now.rssBytes = 3_700 * MIB;
  await memory.poll();
  assert.deepEqual(over, [first, { rssBytes: 3_700 * MIB, cause: 'memory' }]);
});
