import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { type CrashReport, readJournal } from '../../../src/wire/crash-journal.ts';
import type { WorkerMessage } from '../../../src/wire/worker-process.ts';
import { feedsOf, loadCase } from '../../support/cases.ts';
import { endlessModel } from '../../support/endless-model.ts';
import { FrameClient, outputsOf } from '../../support/frame-client.ts';
import { convTransposeGroupModel } from '../../support/odd-models.ts';
import { dividingModel, LEAST } from '../../support/poison-models.ts';
import { columnTensor } from '../../support/tensors.ts';
import { until } from '../../support/until.ts';
import { startTestWorker, type TestWorker, TOKEN } from '../../support/worker-process.ts';

/** What a worker leaves behind for whoever started it, by deaths that nobody can handle. */
const NOTHING: CrashReport = { cause: undefined, entries: [] };
const HARMLESS = [columnTensor('x', 'INT64', [1n])];
const TRAP = [columnTensor('x', 'INT64', [BigInt(LEAST)])];
const FINE_FEEDS = feedsOf(loadCase('stock-quantile'));

const journalOf = (worker: TestWorker): CrashReport =>
  readJournal(path.join(worker.directory, 'artifacts.journal'));

/** A worker with a resident model that does nothing wrong. */
async function startWithNeighbour(
  t: { after(fn: () => Promise<void>): void },
  settings: Parameters<typeof startTestWorker>[0] = {},
): Promise<{ worker: TestWorker; client: FrameClient; fine: string }> {
  const worker = await startTestWorker(settings);
  t.after(() => worker.dispose());
  const client = await FrameClient.connect(worker.address, TOKEN);
  t.after(() => client.close());
  const fine = await worker.add('stock-quantile');
  outputsOf(await client.ask({ key: fine, tensors: FINE_FEEDS }));
  return { worker, client, fine };
}

for (const hasRun of [false, true]) {
  test(`a trap of the processor names the model that ran, ${hasRun ? 'after it had run well' : 'at its first run'}`, async (t) => {
    const { worker, client, fine } = await startWithNeighbour(t);
    const key = await worker.addBytes(dividingModel(), { model: 'dividing' });
    if (hasRun) outputsOf(await client.ask({ key, tensors: HARMLESS }));
    const exited = once(worker.child, 'exit');
    // Neighbours in the same messages, before and behind it.
    for (const tensors of [FINE_FEEDS, TRAP, FINE_FEEDS])
      void client.ask({ key: tensors === TRAP ? key : fine, tensors });
    assert.deepEqual(await exited, [null, 'SIGFPE']);
    assert.deepEqual(journalOf(worker), {
      cause: undefined,
      entries: [{ lane: 0, phase: 'running', key, hasRun, isCulprit: false }],
    });
  });
}

test('a trap at load names the model that was being loaded', async (t) => {
  const { worker, client } = await startWithNeighbour(t);
  const key = await worker.addBytes(convTransposeGroupModel(0n), { model: 'group' });
  const exited = once(worker.child, 'exit');
  void client.ask({ key, tensors: [columnTensor('x', 'FP32', [[[1, 2, 3, 4]]])] });
  assert.deepEqual(await exited, [null, 'SIGFPE']);
  assert.deepEqual(journalOf(worker).entries, [
    { lane: 0, phase: 'loading', key, hasRun: false, isCulprit: false },
  ]);
});

test('kill -9 of an idle worker accuses nobody', async (t) => {
  const { worker } = await startWithNeighbour(t);
  const exited = once(worker.child, 'exit');
  worker.child.kill('SIGKILL');
  await exited;
  assert.deepEqual(journalOf(worker), NOTHING);
});

test('kill -9 in the middle of a run leaves its name', async (t) => {
  const { worker, client } = await startWithNeighbour(t);
  const key = await worker.addBytes(endlessModel(), { model: 'endless' });
  void client.ask({ key, tensors: [columnTensor('x', 'FP32', [1])] });
  const expected = {
    cause: undefined,
    entries: [{ lane: 0, phase: 'running', key, hasRun: false, isCulprit: false }],
  };
  await until('it runs', () => journalOf(worker).entries[0]?.phase === 'running');
  const exited = once(worker.child, 'exit');
  worker.child.kill('SIGKILL');
  await exited;
  assert.deepEqual(journalOf(worker), expected);
});

test('a worker that ends itself because of a hang says so, beside the model', async (t) => {
  const { worker, client, fine } = await startWithNeighbour(t, { limits: { laneHangMs: 2_000 } });
  const key = await worker.addBytes(endlessModel(), { model: 'endless' });
  const exited = once(worker.child, 'exit');
  void client.ask({ key: fine, tensors: FINE_FEEDS });
  void client.ask({ key, tensors: [columnTensor('x', 'FP32', [1])] });
  assert.deepEqual(await exited, [null, 'SIGKILL']);
  assert.deepEqual(journalOf(worker), {
    cause: 'hang',
    entries: [{ lane: 0, phase: 'running', key, hasRun: false, isCulprit: true }],
  });
});

test('a stop accuses nobody, even with a run that never ends', async (t) => {
  const { worker, client } = await startWithNeighbour(t, { limits: { drainMs: 300 } });
  const key = await worker.addBytes(endlessModel(), { model: 'endless' });
  void client.ask({ key, tensors: [columnTensor('x', 'FP32', [1])] });
  await until('it runs', () => journalOf(worker).entries[0]?.phase === 'running');
  const exited = once(worker.child, 'exit');
  worker.child.send({ type: 'stop' });
  assert.deepEqual(await exited, [null, 'SIGKILL']);
  assert.deepEqual(journalOf(worker), NOTHING);
});

test('a worker that goes with its parent accuses nobody', async (t) => {
  const directory = await mkdtemp(path.join(tmpdir(), 'shoal-journal-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const artifacts = path.join(directory, 'artifacts');
  const parent = fork(new URL('./parent-of-worker.ts', import.meta.url), [artifacts], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const [ready] = (await once(parent, 'message')) as [WorkerMessage];
  assert.ok(ready.type === 'ready');
  const client = await FrameClient.connect(ready.address, TOKEN);
  t.after(() => client.close());
  const [key] = (await once(parent, 'message')) as [string];
  void client.ask({ key, tensors: [columnTensor('x', 'FP32', [1])] });
  const read = (): CrashReport => readJournal(`${artifacts}.journal`);
  await until('it runs', () => read().entries[0]?.phase === 'running');
  parent.stderr?.resume();
  parent.kill('SIGKILL');
  await client.closed;
  assert.deepEqual(read(), NOTHING);
});

test('two suspects are never at work together, whatever their lanes, and others go on beside them', async (t) => {
  const { worker, client, fine } = await startWithNeighbour(t, { lanes: 2 });
  // Each goes to the lane with the fewest bytes: the endless one into that of the neighbour, the other beside it.
  const dividing = await worker.addBytes(dividingModel(), { model: 'dividing' });
  const endless = await worker.addBytes(endlessModel(), { model: 'endless' });
  outputsOf(await client.ask({ key: dividing, tensors: HARMLESS }));
  worker.child.send({ type: 'suspects', keys: [endless, dividing] });
  void client.ask({ key: endless, tensors: [columnTensor('x', 'FP32', [1])] });
  await until('it runs', () => journalOf(worker).entries.some((entry) => entry.key === endless));
  const suspect = client.ask({ key: dividing, tensors: TRAP });
  // In the lane of the endless one it is sent elsewhere, in the other it runs.
  const neighbour = await client.ask({ key: fine, tensors: FINE_FEEDS });
  assert.ok(neighbour.result.ok || neighbour.result.code === 'OVERLOADED');
  worker.child.kill('SIGKILL');
  await once(worker.child, 'exit');
  assert.deepEqual(
    journalOf(worker).entries.map(({ key }) => key),
    [endless],
  );
  void suspect;
});
