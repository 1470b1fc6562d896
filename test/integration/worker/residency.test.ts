import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { ModelHistory, WarmAnswer, WarmRequest, WorkerState } from '../../../src/wire/control.ts';
import { feedsOf, loadCase } from '../../support/cases.ts';
import { FrameClient, outputsOf } from '../../support/frame-client.ts';
import { until } from '../../support/until.ts';
import { startTestWorker, TOKEN } from '../../support/worker-process.ts';

const MODEL_BYTES = 100_000;
const SMALL = 'stock-quantile';
const MEDIUM = 'fraud-forest';
/** Takes tens of milliseconds to load. */
const SLOW = 'ltv-lightgbm-large';

async function scene(t: TestContext, settings: Parameters<typeof startTestWorker>[0]) {
  const worker = await startTestWorker(settings);
  t.after(() => worker.dispose());
  const client = await FrameClient.connect(worker.address, TOKEN);
  t.after(() => client.close());
  const ask = async (key: string, name = SMALL, timeoutMs = 20_000) =>
    client.ask({ key, tensors: feedsOf(loadCase(name)), residentBytes: MODEL_BYTES, timeoutMs });
  const state = async (model: string): Promise<WorkerState> =>
    (await (await worker.call(`/state?model=${model}`)).json()) as WorkerState;
  const lifeOf = async (model: string): Promise<ModelHistory | undefined> =>
    (await state(model)).history?.[0];
  const warm = async (request: Omit<WarmRequest, 'residentBytes'>) => {
    const response = await worker.call('/warm', {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
      body: JSON.stringify({ residentBytes: MODEL_BYTES, ...request }),
    });
    return { status: response.status, body: (await response.json()) as WarmAnswer & { error?: object } };
  };
  return { worker, ask, state, lifeOf, warm };
}

test('a model that nobody asks for is released after --idle-ttl, and the worker can say so', async (t) => {
  const { worker, ask, state, lifeOf } = await scene(t, { idleTtlMs: 1_000 });
  const idle = await worker.add(SMALL, { tenant: 'idle' });
  const busy = await worker.add(SMALL, { tenant: 'busy' });
  outputsOf(await ask(idle));
  await until('the idle model is gone', async () => {
    outputsOf(await ask(busy));
    return (await lifeOf(`idle/${SMALL}`))?.state === 'gone';
  });
  assert.deepEqual((await state(`idle/${SMALL}`)).keys, []);
  assert.deepEqual((await state(`busy/${SMALL}`)).keys, [busy]);
  const life = await lifeOf(`idle/${SMALL}`);
  assert.equal(life?.eviction?.reason, 'idle');
  assert.equal(life?.uses, 1);
  assert.match(life?.advice ?? '', /A longer --idle-ttl than the one of 1 s/);
  assert.equal((await ask(idle)).cold, true);
});

test('a pinned model stays while others come and go; more than the share is refused with the reason', async (t) => {
  const { worker, ask, lifeOf, warm } = await scene(t, { budgetBytes: 3 * MODEL_BYTES });
  const pinned = await worker.add(SMALL, { tenant: 'pinned' });
  assert.deepEqual(await warm({ key: pinned, pinMs: 60_000 }), { status: 200, body: { loaded: true } });
  const other = await worker.add(SMALL, { tenant: 'other' });
  const refused = await warm({ key: other, pinMs: 60_000 });
  assert.equal(refused.status, 503);
  assert.match(
    JSON.stringify(refused.body.error),
    /OVERLOADED.*other pinned models 100000 of the 150000 bytes/,
  );
  for (let tenant = 0; tenant < 6; tenant++)
    outputsOf(await ask(await worker.add(SMALL, { tenant: `t${tenant}` })));
  const { body } = await warm({ key: other, ifSpare: true });
  assert.equal(body.loaded, false);
  assert.equal((await ask(pinned)).cold, false);
  const life = await lifeOf(`pinned/${SMALL}`);
  assert.match(life?.pinnedUntil ?? '', /^20/);
  assert.match(life?.advice ?? '', /^It is pinned until/);
  for (const wrong of [{ pinMs: 0 }, { pinMs: '1' }, { pinMs: 1e12 }, { ifSpare: 1 }])
    assert.equal((await warm({ key: pinned, ...(wrong as object) })).status, 400);
});

test('an evicted model is told for whom it had to go and what would have kept it', async (t) => {
  const { worker, ask, lifeOf } = await scene(t, { budgetBytes: MODEL_BYTES });
  const first = await worker.add(SMALL, { tenant: 'first' });
  const second = await worker.add(SMALL, { tenant: 'second' });
  outputsOf(await ask(first));
  outputsOf(await ask(second));
  const life = await lifeOf(`first/${SMALL}`);
  assert.equal(life?.state, 'gone');
  assert.deepEqual(
    { ...life?.eviction, at: '' },
    { at: '', reason: 'room', for: second, forBytes: MODEL_BYTES },
  );
  const [loadedAt, evictedAt] = [life?.loadedAt, life?.eviction?.at].map((time) => Date.parse(time ?? ''));
  assert.ok((loadedAt as number) <= (evictedAt as number) && (evictedAt as number) <= Date.now());
  assert.match(life?.advice ?? '', /at most 100000 bytes more of budget \(--memory\)/);
  assert.equal((await lifeOf(`second/${SMALL}`))?.state, 'resident');
  assert.equal(await lifeOf('nobody/knows'), undefined);
});

test('a caller with less time than the load takes does not end it for the others', async (t) => {
  const { worker, ask } = await scene(t, {});
  const key = await worker.add(SLOW);
  const [hasty, patient] = await Promise.all([ask(key, SLOW, 1), ask(key, SLOW)]);
  assert.ok(!hasty.result.ok && hasty.result.code === 'DEADLINE_EXCEEDED');
  outputsOf(patient);
  assert.equal(await worker.metric('loads_total'), 1);
});

test('a load that has begun goes on without its caller, and the next call is warm', async (t) => {
  const { worker, ask, lifeOf } = await scene(t, {});
  let timeoutMs = Math.ceil((await ask(await worker.add(SLOW), SLOW)).loadUs / 3_000);
  for (let attempt = 0; ; attempt++) {
    const tenant = `t${attempt}`;
    const key = await worker.add(SLOW, { tenant });
    const { result } = await ask(key, SLOW, timeoutMs);
    // The time must do for the load to begin and not for it to end, and loads differ.
    if (result.ok) timeoutMs = Math.ceil(timeoutMs / 2);
    else {
      assert.equal(result.code, 'DEADLINE_EXCEEDED');
      let life = await lifeOf(`${tenant}/${SLOW}`);
      while (life?.state === 'loading') life = await lifeOf(`${tenant}/${SLOW}`);
      if (life?.state === 'resident') {
        assert.equal((await ask(key, SLOW)).cold, false);
        return;
      }
      timeoutMs = Math.ceil(timeoutMs * 1.5);
    }
    assert.ok(attempt < 20, 'no load went on without its caller');
  }
});

test('cold requests that the line can not serve in time are refused at once, with the time that it takes', async (t) => {
  const { worker, ask } = await scene(t, { limits: { workerLoads: 1 } });
  const keyOf = (index: number) => worker.add(MEDIUM, { tenant: 'acme', model: `m${index}` });
  for (const index of [0, 1]) outputsOf(await ask(await keyOf(index), MEDIUM));
  const keys = await Promise.all(Array.from({ length: 60 }, (_, index) => keyOf(index + 2)));
  const patient = keys.slice(0, 40).map((key) => ask(key, MEDIUM, 60_000));
  const hasty = await Promise.all(keys.slice(40).map((key) => ask(key, MEDIUM, 20)));
  for (const { result } of hasty) {
    assert.ok(!result.ok);
    assert.equal(result.code, 'OVERLOADED', result.message);
    assert.match(result.message, /cold models wait or are being loaded/);
    assert.ok(result.retryAfterMs > 20);
  }
  for (const answer of await Promise.all(patient)) outputsOf(answer);
  assert.equal(await worker.metric('loads_refused_total'), hasty.length);
});
