import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WorkerState } from '../../../src/wire/control.ts';
import { feedsOf, loadCase } from '../../support/cases.ts';
import { endlessModel } from '../../support/endless-model.ts';
import { FrameClient, outputsOf } from '../../support/frame-client.ts';
import { columnTensor } from '../../support/tensors.ts';
import { until } from '../../support/until.ts';
import { startTestWorker, TOKEN } from '../../support/worker-process.ts';

test('what its caller gave up while it waited for a busy lane is neither loaded nor run', async (t) => {
  const worker = await startTestWorker({ limits: { laneOverrunMs: 60_000, laneHangMs: 60_000 } });
  t.after(() => worker.dispose());
  const client = await FrameClient.connect(worker.address, TOKEN);
  t.after(() => client.close());
  const tensors = feedsOf(loadCase('stock-quantile'));
  const warm = await worker.add('stock-quantile');
  outputsOf(await client.ask({ key: warm, tensors }));
  // A few seconds, and its lane is busy.
  const slow = await worker.addBytes(endlessModel(1_000_000n), { model: 'slow' });
  const slowTensors = [columnTensor('x', 'FP32', [1])];
  const running = client.ask({ key: slow, tensors: slowTensors });
  const state = async (model: string): Promise<WorkerState> =>
    (await (await worker.call(`/state?model=${model}`)).json()) as WorkerState;
  await until('it is loaded', async () => (await state('acme/slow')).keys?.length === 1);

  const cold = await worker.add('stock-quantile', { model: 'cold' });
  const load = client.start({ key: cold, tensors });
  const run = client.start({ key: warm, tensors });
  const gone = await FrameClient.connect(worker.address, TOKEN);
  void gone.ask({ key: warm, tensors });
  await until('all of it is there', async () => (await state('acme/cold')).queuedRequests === 4);
  await until(
    'the load is under way',
    async () => (await state('acme/cold')).history?.[0]?.state === 'loading',
  );
  client.cancel(load.id);
  client.cancel(run.id);
  await gone.close();
  await until('they are dropped', async () => (await worker.metric('cancelled_total')) === 3);

  outputsOf(await running);
  outputsOf(await client.ask({ key: warm, tensors }));
  assert.equal(await worker.metric('loads_total'), 2);
  assert.deepEqual((await state('acme/cold')).keys, []);
});
