import assert from 'node:assert/strict';
import { once } from 'node:events';
import path from 'node:path';
import { test } from 'node:test';
import { readJournal } from '../../../src/wire/crash-journal.ts';
import { feedsOf, loadCase } from '../../support/cases.ts';
import { FrameClient, outputsOf } from '../../support/frame-client.ts';
import { expandModel } from '../../support/odd-models.ts';
import { columnTensor } from '../../support/tensors.ts';
import { startTestWorker, TOKEN } from '../../support/worker-process.ts';

const MIB = 1024 * 1024;
const TENSORS = [columnTensor('x', 'FP32', [[1]])];

/** One run fills `mebibytes` of memory. */
function hungryModel(mebibytes: number): Uint8Array {
  return expandModel((mebibytes * MIB) / 4);
}

test('a run that takes more than the process may ends it, and the journal says why and which model', async (t) => {
  const worker = await startTestWorker({
    budgetBytes: 64 * MIB,
    limits: { workerOverheadBytes: 256 * MIB, workerOverrunBytes: 256 * MIB },
  });
  t.after(() => worker.dispose());
  const client = await FrameClient.connect(worker.address, TOKEN);
  const fine = { key: await worker.add('stock-quantile'), tensors: feedsOf(loadCase('stock-quantile')) };
  outputsOf(await client.ask(fine));
  const key = await worker.addBytes(hungryModel(3_000), { model: 'hungry' });
  const exited = once(worker.child, 'exit');
  void client.ask({ key, tensors: TENSORS });
  assert.deepEqual(await exited, [null, 'SIGKILL']);
  const { cause, entries } = readJournal(path.join(worker.directory, 'artifacts.journal'));
  assert.equal(cause, 'memory');
  assert.deepEqual(
    entries.map((entry) => [entry.key, entry.phase]),
    [[key, 'running']],
  );
  await client.close();
});

test('a run that takes much for a moment is answered, and evicts nobody', async (t) => {
  const worker = await startTestWorker({ budgetBytes: 64 * MIB });
  t.after(() => worker.dispose());
  const client = await FrameClient.connect(worker.address, TOKEN);
  const fine = { key: await worker.add('stock-quantile'), tensors: feedsOf(loadCase('stock-quantile')) };
  outputsOf(await client.ask(fine));
  const key = await worker.addBytes(hungryModel(700), { model: 'hungry' });
  outputsOf(await client.ask({ key, tensors: TENSORS }));
  assert.equal((await client.ask(fine)).cold, false);
  assert.equal(await worker.metric('evictions_total'), 0);
  await client.close();
});
