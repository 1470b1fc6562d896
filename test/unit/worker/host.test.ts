import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { Host } from '../../../src/worker/host.ts';
import type { JobResult } from '../../../src/worker/job.ts';
import type { Lanes } from '../../../src/worker/lanes.ts';
import { makeWorkerMetrics } from '../../../src/worker/metrics.ts';
import { keyOf, world } from './residency-world.ts';

test('a deadline that comes while the model still waits in line is no timeout: a later try can help', async () => {
  const scene = world({ workerLoads: 1 });
  const registry = new Registry();
  const host = new Host({
    limits: DEFAULT_LIMITS,
    // Nothing waits in them.
    lanes: { queueDelayUs: () => 0 } as unknown as Lanes,
    residency: scene.residency,
    metrics: makeWorkerMetrics(registry),
    clock: () => performance.now(),
    onBug: assert.fail,
  });
  const answers = [1, 2].map((model) => {
    const { promise, resolve } = Promise.withResolvers<JobResult>();
    const request = { type: 'request', id: model, key: keyOf(model), timeoutMs: 100, partRows: 0 } as const;
    host.submit({ ...request, residentBytes: 10, background: false, section: new Uint8Array() }, resolve);
    return promise;
  });
  const [loading, waiting] = await Promise.all(answers);
  assert.ok(loading?.ok === false && loading.code === 'DEADLINE_EXCEEDED');
  assert.ok(waiting?.ok === false && waiting.code === 'OVERLOADED');
  assert.ok(waiting.retryAfterMs > 0);
  assert.match(waiting.message, /^2 cold models wait or are being loaded/);
  assert.equal(scene.residency.copy(keyOf(2)), undefined);
  const expired = await registry.getSingleMetric('shoal_worker_expired_total')?.get();
  assert.equal(expired?.values[0]?.value, 1);
  assert.equal(host.requests, 0);
});
