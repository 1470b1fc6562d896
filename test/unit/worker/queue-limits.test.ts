import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { Job } from '../../../src/worker/job.ts';
import { QueueLimits } from '../../../src/worker/queue-limits.ts';

const owner = { clock: () => 0, settled: () => undefined, unlease: () => undefined };

function job(tenant: string, timeoutMs = 1_000, background = false): Job {
  const request = {
    type: 'request' as const,
    id: 1,
    key: `${tenant}/m/1@sha256:0`,
    timeoutMs,
    partRows: 0,
    residentBytes: 1,
    background,
    section: new Uint8Array(8),
  };
  return new Job(owner, request, timeoutMs, () => undefined);
}

/** A lane where all wait so long, and each tenant by its turns so long. */
function lane(delayMs: number, turnsMs: Readonly<Record<string, number>>) {
  return {
    delayUs: (tenant?: string) => (tenant === undefined ? delayMs : (turnsMs[tenant] ?? 0)) * 1_000,
  };
}

test('what could not be answered in time is refused at once, by turns of the tenants', () => {
  const queue = new QueueLimits(DEFAULT_LIMITS, () => 0);
  const long = lane(5_000, { loud: 4_000, quiet: 20 });
  const refused = queue.late(job('loud'), long, 0);
  assert.equal(refused?.code, 'OVERLOADED');
  assert.equal(refused?.retryAfterSeconds, 4);
  assert.match(refused?.message ?? '', /would wait 4000 ms for its turn in the worker, and has 1000 ms left/);
  assert.equal(queue.late(job('quiet'), long, 0), undefined);
  assert.equal(queue.late(job('loud', 6_000), long, 0), undefined, 'its caller waits for so long');
  assert.equal(
    queue.late(job('loud', 1_000, true), long, 0),
    undefined,
    'background work waits for all anyway',
  );
  assert.equal(queue.late(job('loud'), lane(100, { loud: 4_000 }), 0), undefined);
});

test('a tenant’s own pace counts when it is slower than its turns seem', () => {
  const queue = new QueueLimits(DEFAULT_LIMITS, () => 0);
  const line = Array.from({ length: 50 }, () => job('loud'));
  for (const one of line) queue.enter(one, 0);
  for (let nowMs = 50; nowMs <= 400; nowMs += 50) {
    queue.leave(line.shift() as Job, nowMs);
    const next = job('loud');
    queue.enter(next, nowMs);
    line.push(next);
  }
  const refused = queue.late(job('loud'), lane(10, {}), 0);
  assert.ok((refused?.retryAfterSeconds ?? 0) > 2, '50 of them, one every 50 ms');
  assert.equal(queue.late(job('quiet'), lane(10, {}), 0), undefined);
  for (const one of line) queue.leave(one);
  assert.equal(queue.late(job('loud'), lane(10, {}), 0), undefined, 'the line is gone');
});

test('a full queue tells whose fault it is, and what was never let in leaves nothing', () => {
  const queue = new QueueLimits({ ...DEFAULT_LIMITS, workerQueueRequests: 4 }, () => 3_000_000);
  const inside = [job('loud'), job('loud')];
  for (const one of inside) queue.enter(one, 0);
  assert.match(queue.full(job('loud'))?.message ?? '', /tenant loud has as much waiting/);
  assert.equal(queue.full(job('quiet')), undefined);
  for (const tenant of ['b', 'c']) queue.enter(job(tenant), 0);
  const full = queue.full(job('quiet'));
  assert.match(full?.message ?? '', /the worker's queue is full: 4 requests of 4/);
  assert.equal(full?.retryAfterSeconds, 3);
  queue.leave(job('loud'));
  for (const one of inside) queue.leave(one);
  assert.equal(queue.full(job('quiet')), undefined);
});
