import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { FrameClient, outputsOf } from '../../support/frame-client.ts';
import { loadCase, feedsOf } from '../../support/cases.ts';
import { elementsOf, columnTensor } from '../../support/tensors.ts';
import { startTestWorker, type TestWorker, TOKEN } from '../../support/worker-process.ts';

let worker: TestWorker;
let client: FrameClient;

before(async () => {
  worker = await startTestWorker({ lanes: 2 });
  client = await FrameClient.connect(worker.address, TOKEN);
});

after(async () => {
  await client.close();
  await worker.dispose();
});

test('however many wait for a cold model, it is loaded once', async () => {
  const key = await worker.add('approve-tree');
  const model = loadCase('approve-tree');
  const asked = Array.from({ length: 200 }, () => client.ask({ key, tensors: feedsOf(model) }));
  const answers = await Promise.all(asked);
  for (const answer of answers) {
    const label = outputsOf(answer)[0];
    assert.deepEqual(label && elementsOf(label), model.expected[label?.name ?? '']);
    // The last of them may come in only when the load is done: those are warm, and say so.
    assert.equal(answer.loadUs > 0, answer.cold);
  }
  assert.equal(answers[0]?.cold, true);
  assert.equal(await worker.metric('loads_total'), 1);
  const warm = await client.ask({ key, tensors: feedsOf(model) });
  assert.equal(warm.cold, false);
  assert.equal(warm.loadUs, 0);
  assert.equal(await worker.metric('loads_total'), 1);
});

test('models of several tenants in both lanes answer side by side', async () => {
  const names = ['segments-kmeans', 'stock-quantile', 'ticket-routing-tfidf', 'churn-lightgbm'];
  await Promise.all(
    names.map(async (name, index) => {
      const key = await worker.add(name, { tenant: `t${index}` });
      const model = loadCase(name);
      const answers = await Promise.all(
        Array.from({ length: 50 }, () =>
          client.ask({ key, tensors: feedsOf(model), partRows: model.batch ?? 0 }),
        ),
      );
      for (const answer of answers)
        for (const output of outputsOf(answer)) assert.equal(output.shape[0], model.rows);
    }),
  );
  const state = (await (await worker.call('/state')).json()) as { residentModels: number };
  assert.ok(state.residentModels >= names.length);
});

test('a failed run and a failed load are answered, and the next one is served', async () => {
  const key = await worker.add('recommend-torch-embedding');
  const model = loadCase('recommend-torch-embedding');
  const feeds = feedsOf(model);
  const wrong = feeds.map((feed) =>
    feed.datatype === 'INT64'
      ? columnTensor(
          feed.name,
          'INT64',
          Array.from({ length: model.rows }, () => 10 ** 9),
        )
      : feed,
  );
  const failed = await client.ask({ key, tensors: wrong });
  assert.ok(!failed.result.ok && failed.result.code === 'MODEL_FAILED');
  outputsOf(await client.ask({ key, tensors: feeds }));

  const broken = await worker.addBytes(Buffer.from('no model at all'));
  for (const _ of [1, 2]) {
    const answer = await client.ask({ key: broken, tensors: feeds });
    assert.ok(!answer.result.ok && answer.result.code === 'INVALID_ARTIFACT');
  }
  const lost = `acme/m/1@sha256:${'0'.repeat(64)}`;
  const absent = await client.ask({ key: lost, tensors: feeds });
  assert.ok(!absent.result.ok && absent.result.code === 'STORE_UNAVAILABLE');
  assert.equal(await worker.metric('load_failures_total'), 3);
});

test('a malformed tensor section or key fails that request alone', async () => {
  const key = await worker.add('stock-quantile');
  const model = loadCase('stock-quantile');
  const answer = await client.ask({ key: 'no-key', tensors: feedsOf(model) });
  assert.ok(!answer.result.ok && answer.result.code === 'INVALID_REQUEST');
  const feed = feedsOf(model)[0];
  assert.ok(feed);
  const short = await client.ask({ key, tensors: [{ ...feed, data: feed.data.subarray(4) }] });
  assert.ok(!short.result.ok && short.result.code === 'INVALID_INPUT');
  outputsOf(await client.ask({ key, tensors: feedsOf(model) }));
});

test('expired requests are dropped unrun', async () => {
  const key = await worker.add('ltv-lightgbm-large');
  const tensors = feedsOf(loadCase('ltv-lightgbm-large'));
  const answer = await client.ask({ key, tensors, timeoutMs: 0 });
  assert.ok(!answer.result.ok && answer.result.code === 'DEADLINE_EXCEEDED');
  const again = await Promise.all(
    Array.from({ length: 3 }, () => client.ask({ key, tensors, timeoutMs: 1, residentBytes: 40_000_000 })),
  );
  for (const one of again) assert.ok(!one.result.ok && one.result.code === 'DEADLINE_EXCEEDED');
  assert.equal(await worker.metric('expired_total'), 4);
});

test('a cancelled request is never answered', async () => {
  const key = await worker.add('fraud-forest');
  const tensors = feedsOf(loadCase('fraud-forest'));
  const cancelled = client.start({ key, tensors });
  client.cancel(cancelled.id);
  client.cancel(999_999);
  const kept = client.ask({ key, tensors });
  const first = await Promise.race([kept.then(() => 'kept'), cancelled.answer.then(() => 'cancelled')]);
  assert.equal(first, 'kept');
  assert.equal(await worker.metric('cancelled_total'), 1);
});
