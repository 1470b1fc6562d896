import assert from 'node:assert/strict';
import { after, before, beforeEach, test } from 'node:test';
import type { LaneModel } from '../../../src/worker/lane/batch.ts';
import { type LaneBench, startLane } from './lane-bench.ts';

/** Two lanes; each has model 1, quick enough for many runs in one message. */
let bench: LaneBench;
const quick = (): LaneModel => ({ handle: 1, runUs: 1 });

before(async () => {
  bench = await startLane({}, 2);
  await Promise.all(bench.lanes.map((lane) => lane.load('quick', 1, bench.artifact())));
});

beforeEach(() => bench.suspects.replace([]));
after(() => bench.dispose());

/** What the journal and the order of beginnings say of one message is seen through `begin`. */
function messages(): { at(name: string): () => void; list: string[][] } {
  const list: string[][] = [];
  let open = false;
  return {
    list,
    at: (name) => () => {
      if (!open) list.push([]);
      list.at(-1)?.push(name);
      open = true;
      queueMicrotask(() => (open = false));
    },
  };
}

function ask(key: string, seen: ReturnType<typeof messages>, lane = bench.lane): Promise<unknown> {
  const asked = bench.ask('tenant', quick(), { key, lane, onBegin: seen.at(key) });
  return asked.outcome;
}

test('a suspect is alone in its message, and the others go on', async () => {
  bench.suspects.replace(['bad']);
  const seen = messages();
  const keys = ['a', 'bad', 'b', 'bad', 'c'];
  await Promise.all(keys.map((key) => ask(key, seen)));
  assert.deepEqual(seen.list, [['a', 'b', 'c'], ['bad'], ['bad']]);
});

test('no two suspects are at work in the worker at the same time, whatever their lanes', async () => {
  bench.suspects.replace(['bad', 'worse', 'worst']);
  const atWork: string[] = [];
  const together: number[] = [];
  const [one, two] = bench.lanes;
  assert.ok(one !== undefined && two !== undefined);
  const artifacts = bench.lanes.map(() => bench.artifact());
  const loaded = new Set<Uint8Array>();
  const loadsTogether: number[] = [];
  // Its buffer leaves with the load.
  const loading = (): number =>
    artifacts.filter((artifact) => artifact.buffer.detached && !loaded.has(artifact)).length;
  const runs = [
    { key: 'bad', lane: one },
    { key: 'worse', lane: two },
    { key: 'bad', lane: one },
    { key: 'worse', lane: two },
    { key: 'fine', lane: two },
  ].map(async ({ key, lane }) => {
    let isOver = false;
    const onBegin = (): void => {
      if (key === 'fine') return;
      atWork.push(key);
      together.push(atWork.length);
      setImmediate(() => isOver || together.push(atWork.length + loading()));
    };
    const onEnd = (): void => {
      isOver = true;
      if (key !== 'fine') atWork.pop();
    };
    const outcome = await bench.ask(key, quick(), { key, lane, onBegin, onEnd }).outcome;
    assert.ok(outcome.ok);
  });
  const loads = bench.lanes.map(async (lane, index) => {
    const artifact = artifacts[index] as Uint8Array<ArrayBuffer>;
    const isWanted = (): boolean => {
      setImmediate(() => loadsTogether.push(loading()));
      return true;
    };
    await lane.load('worst', 10 + index, artifact, isWanted);
    loaded.add(artifact);
  });
  await Promise.all([...runs, ...loads]);
  assert.deepEqual(new Set(together), new Set([1]));
  assert.ok(Math.max(...loadsTogether) <= 1);
});

test('the lane that has waited longest for its suspect is the next', async () => {
  bench.suspects.replace(['bad', 'worse']);
  const order: string[] = [];
  const [one, two] = bench.lanes;
  assert.ok(one !== undefined && two !== undefined);
  const asked = ['bad', 'bad', 'bad', 'bad', 'worse'].map((key) => {
    const lane = key === 'bad' ? one : two;
    return bench.ask(key, quick(), { key, lane, order }).outcome;
  });
  await Promise.all(asked);
  assert.deepEqual(order, ['bad', 'worse', 'bad', 'bad', 'bad']);
});

test('what is with a thread when it becomes a suspect counts as one at work', async () => {
  const order: string[] = [];
  const [one, two] = bench.lanes;
  assert.ok(one !== undefined && two !== undefined);
  let worse: Promise<unknown> | undefined;
  const onBegin = (): void => {
    queueMicrotask(() => {
      bench.suspects.replace(['bad', 'worse']);
      worse = bench.ask('worse', quick(), { lane: two, order }).outcome;
    });
  };
  await bench.ask('bad', quick(), { lane: one, order, onBegin, onEnd: () => order.push('end') }).outcome;
  await worse;
  assert.deepEqual(order, ['bad', 'end', 'worse']);
  assert.equal(bench.suspects.mayEnter, true);
});

test('what is no suspect any more does not keep others waiting', async () => {
  const order: string[] = [];
  const [one, two] = bench.lanes;
  assert.ok(one !== undefined && two !== undefined);
  bench.suspects.replace(['bad']);
  const onBegin = (): void => queueMicrotask(() => bench.suspects.replace([]));
  await Promise.all([
    bench.ask('bad', quick(), { lane: one, onBegin }).outcome,
    bench.ask('bad', quick(), { lane: two, order }).outcome,
  ]);
  assert.equal(bench.suspects.mayEnter, true);
});

test('background runs that wait when their version becomes a suspect are refused', async () => {
  const shadows = ['bad', 'fine'].map((key) => bench.ask(key, quick(), { background: true }));
  bench.suspects.replace(['bad']);
  const [bad, fine] = await Promise.all(shadows.map(({ outcome }) => outcome));
  assert.ok(bad !== undefined && !bad.ok && bad.failure.code === 'OVERLOADED');
  assert.equal(fine?.ok, true);
});

test('while a suspect is at work in one lane, another lane goes on with all but suspects', async () => {
  bench.suspects.replace(['bad']);
  const [, two] = bench.lanes;
  bench.suspects.enter();
  const seen = messages();
  const waits = ask('bad', seen, two);
  await ask('fine', seen, two);
  assert.deepEqual(seen.list, [['fine']]);
  bench.suspects.leave();
  await waits;
  assert.deepEqual(seen.list, [['fine'], ['bad']]);
});

test('runs that wait when a version becomes a suspect are parted too, and joined when it is none any more', async () => {
  const seen = messages();
  bench.suspects.enter();
  const first = [ask('a', seen), ask('bad', seen)];
  bench.suspects.replace(['bad']);
  await first[0];
  assert.deepEqual(seen.list, [['a']]);
  bench.suspects.replace([]);
  await first[1];
  assert.deepEqual(seen.list, [['a'], ['bad']]);
  bench.suspects.leave();
  assert.equal(bench.lane.delayUs(), 0);
});

test('a suspect does no background work, and can be taken back while it waits', async () => {
  bench.suspects.replace(['bad']);
  const shadow = bench.ask('tenant', quick(), { key: 'bad', background: true });
  const outcome = await shadow.outcome;
  assert.ok(!outcome.ok && outcome.failure.code === 'OVERLOADED');
  bench.suspects.enter();
  const waiting = bench.ask('tenant', quick(), { key: 'bad' });
  assert.equal(bench.lane.cancel(waiting), true);
  assert.equal(bench.lane.cancel(waiting), false);
  bench.suspects.leave();
  assert.equal(waiting.begunMs, undefined);
});

test('a suspect whose deadline passes while it waits never runs', async () => {
  bench.suspects.replace(['bad']);
  bench.suspects.enter();
  const late = bench.ask('tenant', quick(), { key: 'bad' });
  bench.nowMs += 1_000;
  bench.suspects.leave();
  const outcome = await late.outcome;
  assert.ok(!outcome.ok && outcome.failure.code === 'DEADLINE_EXCEEDED');
  assert.equal(late.begunMs, undefined);
});
