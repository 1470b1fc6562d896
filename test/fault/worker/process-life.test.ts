import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { FrameClient, outputsOf } from '../../support/frame-client.ts';
import { loadCase, feedsOf } from '../../support/cases.ts';
import { readJournal } from '../../../src/wire/crash-journal.ts';
import type { WorkerMessage } from '../../../src/wire/worker-process.ts';
import { endlessModel } from '../../support/endless-model.ts';
import { ELEMENT, model, node, value } from '../../support/onnx-builder.ts';
import { columnTensor } from '../../support/tensors.ts';
import { startTestWorker, TOKEN } from '../../support/worker-process.ts';

test('a stop lets requests under way finish', async (t) => {
  const worker = await startTestWorker();
  t.after(() => worker.dispose());
  const client = await FrameClient.connect(worker.address, TOKEN);
  const key = await worker.add('fraud-forest');
  const tensors = feedsOf(loadCase('fraud-forest'));
  const exited = once(worker.child, 'exit');
  const answers = Array.from({ length: 200 }, () => client.ask({ key, tensors }));
  await answers[0];
  worker.child.send({ type: 'stop' });
  for (const answer of await Promise.all(answers)) outputsOf(answer);
  assert.deepEqual(await exited, [0, null]);
});

test('a stopping worker refuses new requests, and is gone after the drain time even if a lane never ends', async (t) => {
  const worker = await startTestWorker({ limits: { drainMs: 300 } });
  t.after(() => worker.dispose());
  const client = await FrameClient.connect(worker.address, TOKEN);
  const key = await worker.addBytes(endlessModel());
  const exited = once(worker.child, 'exit');
  const tensors = [columnTensor('x', 'FP32', [1])];
  void client.ask({ key, tensors });
  worker.child.send({ type: 'stop' });
  for (let answer = await client.ask({ key, tensors, timeoutMs: 1 }); ; ) {
    if (!answer.result.ok && answer.result.code === 'SHUTTING_DOWN') break;
    answer = await client.ask({ key, tensors, timeoutMs: 1 });
  }
  assert.deepEqual(await exited, [null, 'SIGKILL']);
  await client.close();
});

test('a worker that cannot start says why and is gone', async () => {
  await assert.rejects(startTestWorker({ host: '203.0.113.7' }), /EADDRNOTAVAIL/);
});

test('signals of the terminal do nothing', async (t) => {
  const worker = await startTestWorker();
  t.after(() => worker.dispose());
  worker.child.kill('SIGINT');
  worker.child.kill('SIGTERM');
  assert.equal((await worker.call('/state')).status, 200);
});

test('kill -9 of the parent leaves no worker, even with a lane stuck in native code', async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'shoal-orphan-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const parent = fork(new URL('./parent-of-worker.ts', import.meta.url), [directory], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const [ready] = (await once(parent, 'message')) as [WorkerMessage];
  assert.equal(ready.type, 'ready');
  const worker = { address: ready.type === 'ready' ? ready.address : '' };
  const client = await FrameClient.connect(worker.address, TOKEN);
  const [key] = (await once(parent, 'message')) as [string];
  void client.ask({ key, tensors: [columnTensor('x', 'FP32', [1])] });
  const state = async () =>
    (await (
      await fetch(`${worker.address}/state`, { headers: { authorization: `Bearer ${TOKEN}` } })
    ).json()) as { residentModels: number; queuedRequests: number };
  let now = await state();
  while (now.residentModels === 0) now = await state();
  assert.equal(now.queuedRequests, 1);
  const gone = once(parent.stderr as Readable, 'close');
  parent.stderr?.resume();
  parent.kill('SIGKILL');
  // The worker has inherited the pipe: it closes when both are gone.
  await gone;
  await client.close();
});

test('a worker whose parent dies before it has loaded its modules is gone as well', async () => {
  const child = fork(new URL('../../../src/worker/process.ts', import.meta.url), {
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  const exited = once(child, 'exit');
  await once(child, 'spawn');
  child.disconnect();
  assert.deepEqual(await exited, [null, 'SIGKILL']);
});

test('a lane whose thread dies takes the process with it, to be started anew', async (t) => {
  const worker = await startTestWorker({}, ['--max-old-space-size=48']);
  t.after(() => worker.dispose());
  const client = await FrameClient.connect(worker.address, TOKEN);
  const key = await worker.addBytes(
    model({
      input: [value('x', ELEMENT.string, ['N'])],
      output: [value('y', ELEMENT.string, ['N'])],
      node: [node('Identity', ['x'], ['y'])],
    }),
  );
  const exited = once(worker.child, 'exit');
  // Millions of strings are more than the thread's heap can take.
  const count = 4_000_000;
  const data = Buffer.alloc(count * 7, Buffer.from([3, 0, 0, 0, 97, 98, 99]));
  void client.ask({ key, tensors: [{ name: 'x', datatype: 'BYTES', shape: [count], data }] });
  assert.deepEqual(await exited, [null, 'SIGKILL']);
  const { cause, entries } = readJournal(path.join(worker.directory, 'artifacts.journal'));
  assert.equal(cause, 'memory');
  assert.deepEqual(
    entries.map((entry) => entry.key),
    [key],
  );
  await client.close();
});

test('a run that never ends takes the process with it after the hang limit, and the log names the model', async (t) => {
  const worker = await startTestWorker({ limits: { laneHangMs: 3_000 }, logLevel: 'fatal' }, [], 'pipe');
  t.after(() => worker.dispose());
  const logged = text(worker.child.stderr as Readable);
  const client = await FrameClient.connect(worker.address, TOKEN);
  const fine = await worker.add('stock-quantile');
  outputsOf(await client.ask({ key: fine, tensors: feedsOf(loadCase('stock-quantile')) }));
  const key = await worker.addBytes(endlessModel());
  const exited = once(worker.child, 'exit');
  void client.ask({ key, tensors: [columnTensor('x', 'FP32', [1])] });
  assert.deepEqual(await exited, [null, 'SIGKILL']);
  const log = await logged;
  assert.match(log, /gave no answer for 3000 ms \(limit laneHangMs\)/);
  assert.ok(log.includes(key) && !log.includes(fine));
  const { cause, entries } = readJournal(path.join(worker.directory, 'artifacts.journal'));
  assert.equal(cause, 'hang');
  assert.deepEqual(
    entries.filter(({ isCulprit }) => isCulprit).map((entry) => entry.key),
    [key],
  );
  await client.close();
});

test('runs of other models do not wait behind one that holds the lane', async (t) => {
  const worker = await startTestWorker({ lanes: 1, limits: { laneOverrunMs: 500 } });
  t.after(() => worker.dispose());
  const client = await FrameClient.connect(worker.address, TOKEN);
  const fine = { key: await worker.add('stock-quantile'), tensors: feedsOf(loadCase('stock-quantile')) };
  outputsOf(await client.ask(fine));
  const endless = { key: await worker.addBytes(endlessModel()), tensors: [columnTensor('x', 'FP32', [1])] };
  const held = client.ask(endless);
  // Answered while the endless model is still loading; the first that waits behind its run is sent elsewhere.
  let answer = await client.ask(fine);
  while (answer.result.ok) answer = await client.ask(fine);
  for (const refused of [answer, await client.ask(fine)]) {
    assert.ok(!refused.result.ok && refused.result.code === 'OVERLOADED');
    assert.match(refused.result.message, /another model has held the lane/);
    assert.ok(refused.queueDelayUs > 0, 'routers see that it is slow');
  }
  // Every router is told, also one that comes later.
  assert.deepEqual(await client.heldFrame(0), { type: 'held', key: endless.key, isHeld: true });
  const late = await FrameClient.connect(worker.address, TOKEN);
  assert.deepEqual(await late.heldFrame(0), { type: 'held', key: endless.key, isHeld: true });
  await late.close();
  // Its own callers wait: their model may just be slow.
  const own = client.ask(endless);
  const first = await Promise.race([held, own, client.ask(fine)]);
  assert.ok(!first.result.ok && first.result.code === 'OVERLOADED');
  await client.close();
});

test('a corrupt cache file is found by its digest and fetched again', async (t) => {
  const cacheDir = path.join(tmpdir(), `shoal-cache-${process.pid}`);
  t.after(() => rm(cacheDir, { recursive: true, force: true }));
  const tensors = feedsOf(loadCase('stock-quantile'));
  const first = await startTestWorker({ cacheDir });
  t.after(() => first.dispose());
  const key = await first.add('stock-quantile');
  const client = await FrameClient.connect(first.address, TOKEN);
  outputsOf(await client.ask({ key, tensors }));
  await first.dispose();

  const file = path.join(cacheDir, key.split('sha256:')[1] as string);
  const healthy = await readFile(file);
  await writeFile(file, healthy.with(100, (healthy[100] as number) ^ 1));
  const second = await startTestWorker({ cacheDir });
  t.after(() => second.dispose());
  await second.add('stock-quantile');
  const again = await FrameClient.connect(second.address, TOKEN);
  outputsOf(await again.ask({ key, tensors }));
  assert.equal(await second.metric('cache_corrupt_total'), 1);
  assert.deepEqual(await readFile(file), healthy);
});
