import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { LoadJob } from '../../../src/worker/lane/batch.ts';
import { LoadQueue } from '../../../src/worker/lane/load-queue.ts';
import { Suspects } from '../../../src/worker/lane/suspects.ts';
import { type LaneBench, startLane } from './lane-bench.ts';

let bench: LaneBench;

before(async () => {
  bench = await startLane();
});

after(() => bench.dispose());

function job(key: string, settled: string[] = [], isWanted = (): boolean => true): LoadJob {
  return {
    key,
    handle: 1,
    hasRun: false,
    artifact: new Uint8Array(),
    isWanted,
    resolve: () => settled.push(`${key} loaded`),
    reject: () => settled.push(`${key} dropped`),
  };
}

test('after a load another one is due only when runs have had as long', () => {
  const queue = new LoadQueue(new Suspects());
  assert.equal(queue.isDue, false);
  queue.push(job('a'));
  queue.push(job('b'));
  assert.equal(queue.isDue, true);
  assert.equal(queue.take()?.key, 'a');
  queue.onLoaded(10_000);
  assert.equal(queue.isDue, false);
  queue.onRuns(6_000);
  assert.equal(queue.isDue, false);
  queue.onRuns(4_000);
  assert.equal(queue.isDue, true);
  queue.onLoaded(10_000);
  assert.equal(queue.take()?.key, 'b', 'nothing else waits: it goes all the same');
});

test('a load that nobody waits for any more is dropped when its turn would come', () => {
  const queue = new LoadQueue(new Suspects());
  const settled: string[] = [];
  let isWanted = true;
  queue.push(job('gone', settled, () => isWanted));
  queue.push(job('wanted', settled));
  isWanted = false;
  assert.deepEqual(settled, []);
  assert.equal(queue.take()?.key, 'wanted');
  assert.deepEqual(settled, ['gone dropped']);
  assert.equal(queue.take(), undefined);
});

test('a suspect lets other loads pass while another suspect is at work', () => {
  const suspects = new Suspects(['a', 'b']);
  const queue = new LoadQueue(suspects);
  for (const key of ['a', 'c', 'b']) queue.push(job(key));
  suspects.enter();
  assert.equal(queue.take()?.key, 'c');
  assert.equal(queue.take(), undefined);
  suspects.leave();
  assert.equal(queue.take()?.key, 'a');
});

test('runs that wait have their share of the thread, however many loads do', async () => {
  const { lane } = bench;
  await lane.load('warm', 1, bench.artifact());
  const order: string[] = [];
  // Each run is taken to last so long that it fills a message: 40 messages of runs beside 40 loads.
  const runs = Array.from({ length: 40 }, () => bench.ask('run', { handle: 1, runUs: 5_000 }, { order }));
  const loads = Array.from({ length: 40 }, (_, number) =>
    lane.load(`cold-${number}`, 100 + number, bench.artifact()).then(() => order.push('load')),
  );
  await Promise.all(runs.map(({ outcome }) => outcome));
  const loadsFirst = order.filter((what) => what === 'load').length;
  await Promise.all(loads);
  // A run takes a small part of what a load takes, so several go between two loads.
  assert.ok(loadsFirst < 20, `${loadsFirst} of 40 loads went before the last of 40 runs`);
});

test('a load that is given up before it reaches the thread is never loaded', async () => {
  const { lane } = bench;
  await lane.load('held', 2, bench.artifact());
  const run = bench.ask('a', { handle: 2, runUs: 1 });
  let isWanted = true;
  const load = lane.load('gone', 3, bench.artifact(), () => isWanted);
  isWanted = false;
  await assert.rejects(load, { code: 'OVERLOADED', message: 'nobody waits for the load any more' });
  await run.outcome;
  const outcome = await bench.ask('a', { handle: 3, runUs: 1 }).outcome;
  assert.ok(!outcome.ok && outcome.failure.message.includes('no model under handle 3'));
});
