import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NamedTensor } from '../../../src/model/signature.ts';
import { FrameClient, outputsOf } from '../../support/frame-client.ts';
import { shapeModel } from '../../support/shape-model.ts';
import { startTestWorker, TOKEN } from '../../support/worker-process.ts';

function shapeOf(...dimensions: bigint[]): NamedTensor[] {
  const data = new Uint8Array(BigInt64Array.from(dimensions).buffer);
  return [{ name: 'shape', datatype: 'INT64', shape: [dimensions.length], data }];
}

test('outputs that no answer can hold fail their own run, and neither the others of its message nor the worker', async (t) => {
  const worker = await startTestWorker({ limits: { bodyBytes: 1024 * 1024, workerQueueBytes: 1024 * 1024 } });
  t.after(() => worker.dispose());
  const client = await FrameClient.connect(worker.address, TOKEN);
  const key = await worker.addBytes(shapeModel());
  outputsOf(await client.ask({ key, tensors: shapeOf(2n) }));
  const answers = await Promise.all(
    [shapeOf(3n), shapeOf(0n, 2n ** 33n), shapeOf(90_000_000n), shapeOf(3n, 0n), shapeOf(250_000n)].map(
      (tensors) => client.ask({ key, tensors }),
    ),
  );
  const said = answers.map(({ result }) => (result.ok ? 'ok' : `${result.code}: ${result.message}`));
  assert.equal(said[0], 'ok');
  assert.match(said[1] ?? '', /^MODEL_FAILED: .*dimension 8589934592/);
  assert.match(
    said[2] ?? '',
    /^TOO_LARGE: the model's outputs take 360000024 bytes, at most \d+ are allowed$/,
  );
  assert.deepEqual(said.slice(3), ['ok', 'ok']);
  assert.equal(outputsOf(answers[4] as (typeof answers)[0])[0]?.data.byteLength, 1_000_000);
  assert.equal(worker.child.exitCode ?? worker.child.signalCode, null);
  await client.close();
});
