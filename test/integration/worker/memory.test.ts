import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FrameClient, outputsOf } from '../../support/frame-client.ts';
import { loadCase, feedsOf } from '../../support/cases.ts';
import { startTestWorker, TOKEN } from '../../support/worker-process.ts';

const MODEL_BYTES = 100_000;

test('under a tiny budget models come and go, and every request is answered right', async (t) => {
  const worker = await startTestWorker({
    lanes: 2,
    budgetBytes: 3 * MODEL_BYTES,
    limits: { memoryWaitMs: 20_000 },
  });
  t.after(() => worker.dispose());
  const client = await FrameClient.connect(worker.address, TOKEN);
  const names = ['stock-quantile', 'segments-kmeans', 'churn-logreg', 'claims-poisson', 'energy-multi-ridge'];
  const models = await Promise.all(
    names.flatMap((name) =>
      ['a', 'b'].map(async (tenant) => ({ key: await worker.add(name, { tenant }), model: loadCase(name) })),
    ),
  );
  const asked = Array.from({ length: 400 }, async (_, index) => {
    const { key, model } = models[(index * 7) % models.length] as (typeof models)[number];
    const answer = await client.ask({
      key,
      tensors: feedsOf(model),
      residentBytes: MODEL_BYTES,
      partRows: model.batch ?? 0,
    });
    for (const output of outputsOf(answer)) assert.equal(output.shape[0], model.rows);
  });
  await Promise.all(asked);
  assert.ok((await worker.metric('evictions_total')) >= models.length - 3);
  assert.ok((await worker.metric('resident_bytes')) <= 3 * MODEL_BYTES);
  assert.ok((await worker.metric('resident_models')) <= 3);
  await client.close();
});

test('a full queue answers OVERLOADED and when to come back; a flood of one tenant leaves room for others', async (t) => {
  const worker = await startTestWorker({ limits: { workerQueueRequests: 8 } });
  t.after(() => worker.dispose());
  const client = await FrameClient.connect(worker.address, TOKEN);
  const key = await worker.add('fraud-forest');
  const tensors = feedsOf(loadCase('fraud-forest'));
  const quietKey = await worker.add('fraud-forest', { tenant: 'quiet' });
  const flood = Array.from({ length: 50 }, () => client.ask({ key, tensors }));
  const quiet = client.ask({ key: quietKey, tensors });
  const answers = await Promise.all(flood);
  const good = answers.filter((answer) => answer.result.ok);
  assert.ok(good.length >= 4 && good.length < 50);
  outputsOf(await quiet);
  for (const { result } of answers) {
    if (result.ok) continue;
    assert.equal(result.code, 'OVERLOADED');
    assert.ok(result.retryAfterMs > 0);
  }
  await client.close();
});

test('a background request loads into spare memory only, and evicts nothing', async (t) => {
  const worker = await startTestWorker({ budgetBytes: 2 * MODEL_BYTES });
  t.after(() => worker.dispose());
  const client = await FrameClient.connect(worker.address, TOKEN);
  const tensors = feedsOf(loadCase('stock-quantile'));
  const asked = async (tenant: string, background: boolean) => {
    const key = await worker.add('stock-quantile', { tenant });
    const { result } = await client.ask({ key, tensors, background, residentBytes: MODEL_BYTES });
    return result.ok ? 'ok' : result.code;
  };
  assert.equal(await asked('a', false), 'ok');
  assert.equal(await asked('b', true), 'ok');
  assert.equal(await asked('c', true), 'OVERLOADED');
  assert.equal(await worker.metric('evictions_total'), 0);
  assert.equal(await asked('b', true), 'ok');
  assert.equal(await asked('c', false), 'ok');
  assert.equal(await worker.metric('evictions_total'), 1);
  await client.close();
});

test('a request larger than the queue is run when it is alone', async (t) => {
  const worker = await startTestWorker({ limits: { workerQueueBytes: 8 } });
  t.after(() => worker.dispose());
  const client = await FrameClient.connect(worker.address, TOKEN);
  const key = await worker.add('stock-quantile');
  const tensors = feedsOf(loadCase('stock-quantile'));
  outputsOf(await client.ask({ key, tensors }));
  const two = await Promise.all([client.ask({ key, tensors }), client.ask({ key, tensors })]);
  assert.deepEqual(
    two.map(({ result }) => (result.ok ? 'ok' : result.code)),
    ['ok', 'OVERLOADED'],
  );
  await client.close();
});
