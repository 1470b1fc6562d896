import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeFrame, type HeldFrame } from '../../../src/wire/frames.ts';
import { ProvenVersions } from '../../../src/worker/lane/proven.ts';
import { endlessModel } from '../../support/endless-model.ts';
import { columnTensor } from '../../support/tensors.ts';
import { until } from '../../support/until.ts';
import { startLane } from './lane-bench.ts';

const SLOW_FEEDS = [columnTensor('x', 'FP32', [1])];
/** A run of a second or so: over `laneOverrunMs`, but it comes to its end. */
const SLOW_TIMES = 300_000n;

test('exactly the run that is under way holds the lane: named in the journal and to every router, until it is over', async (t) => {
  const bench = await startLane({ laneOverrunMs: 100 });
  t.after(() => bench.dispose());
  const frames: HeldFrame[] = [];
  const router = (bytes: Buffer): void => {
    const frame = decodeFrame(bytes) as HeldFrame;
    // On a machine that does other work besides, a quick one may take long too.
    if (frame.key === 'slow') frames.push(frame);
  };
  await bench.lane.load('quick', 1, bench.artifact());
  await bench.lane.load('slow', 2, Uint8Array.from(endlessModel(SLOW_TIMES)));
  // Expected to be quick, however long the run before took here: all three fit into one message.
  const quick = () => ({ handle: 1, runUs: 1 });
  await bench.ask('quick', quick()).outcome;
  bench.held.join(router);
  // One message of three: the first is done when the second holds the lane, the third can't be taken back.
  const before = bench.ask('before', quick(), { key: 'quick' });
  const slow = bench.ask('slow', { handle: 2, runUs: 1 }, { tensors: SLOW_FEEDS });
  const behind = bench.ask('behind', quick(), { key: 'quick' });
  await until('the lane is held', () => frames.length > 0);
  assert.deepEqual(frames, [{ type: 'held', key: 'slow', isHeld: true }]);
  assert.deepEqual(bench.journal().entries, [
    { lane: 0, phase: 'running', key: 'slow', hasRun: false, isCulprit: false },
  ]);

  const elsewhere = await bench.ask('quick', quick()).outcome;
  assert.ok(!elsewhere.ok && elsewhere.failure.code === 'OVERLOADED');
  await assert.rejects(bench.lane.load('other', 3, bench.artifact()), { code: 'OVERLOADED' });
  const late: HeldFrame[] = [];
  bench.held.join((frame) => void late.push(decodeFrame(frame) as HeldFrame));
  assert.deepEqual(late, [{ type: 'held', key: 'slow', isHeld: true }]);

  for (const { outcome } of [before, slow, behind]) assert.ok((await outcome).ok);
  assert.deepEqual(frames.at(-1), { type: 'held', key: 'slow', isHeld: false });
  assert.deepEqual(late.at(-1), { type: 'held', key: 'slow', isHeld: false });
  assert.equal(bench.lane.isHeld, false);
  assert.deepEqual(bench.journal(), { cause: undefined, entries: [] });
  bench.held.leave(router);
  bench.held.set('slow', true);
  assert.equal(frames.length, 2);
});

test('runs and loads that wait behind one that holds the lane are sent elsewhere, its own wait', async (t) => {
  const bench = await startLane({ laneOverrunMs: 100 });
  t.after(() => bench.dispose());
  await bench.lane.load('slow', 2, Uint8Array.from(endlessModel(SLOW_TIMES)));
  const slow = bench.ask('slow', { handle: 2, runUs: 1 }, { tensors: SLOW_FEEDS });
  await until('it has begun', () => slow.begunMs !== undefined);
  const other = bench.ask('other', { handle: 2, runUs: 1 });
  const own = bench.ask('slow', { handle: 2, runUs: 1 }, { tensors: SLOW_FEEDS });
  const load = assert.rejects(bench.lane.load('cold', 3, bench.artifact()), { code: 'OVERLOADED' });
  const outcome = await other.outcome;
  assert.ok(!outcome.ok && outcome.failure.message.includes('another model has held the lane'));
  await load;
  assert.ok((await slow.outcome).ok);
  assert.ok((await own.outcome).ok);
});

test('the journal says of a model that comes back that it has run before', async (t) => {
  const bench = await startLane({ laneOverrunMs: 100 });
  t.after(() => bench.dispose());
  const hasRun: unknown[] = [];
  for (const handle of [1, 2]) {
    await bench.lane.load('slow', handle, Uint8Array.from(endlessModel(SLOW_TIMES)));
    const run = bench.ask('slow', { handle }, { tensors: SLOW_FEEDS });
    await until('it runs', () => bench.journal().entries.length > 0);
    hasRun.push(bench.journal().entries[0]?.hasRun);
    assert.ok((await run.outcome).ok);
    await bench.lane.release(handle);
  }
  assert.deepEqual(hasRun, [false, true]);
});

test('of versions that have run well the newest are remembered, as many as may be', () => {
  const proven = new ProvenVersions(2);
  for (const key of ['a', 'b', 'a', 'c']) proven.add(key);
  assert.deepEqual(
    ['a', 'b', 'c'].map((key) => proven.has(key)),
    [true, false, true],
  );
});
