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
  const runs = [
    { key: 'bad', lane: one },
    { key: 'worse', lane: two },
    { key: 'bad', lane: one },
    { key: 'worse', lane: two },
    { key: 'fine', lane: two },
  ].map(async ({ key, lane }) => {
    const onBegin = (): void => {
      if (key === 'fine') return;
      atWork.push(key);
      together.push(atWork.length);
    };
    const outcome = await bench.ask(key, quick(), { key, lane, onBegin, onEnd: () => atWork.pop() }).outcome;
    assert.ok(outcome.ok);
  });
  const loads = bench.lanes.map((lane, index) => lane.load('worst', 10 + index, bench.artifact()));
  await Promise.all([...runs, ...loads]);
  assert.deepEqual(together, [1, 1, 1, 1]);
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
