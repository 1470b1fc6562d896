import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Gather } from '../../../src/core/gather.ts';

const full = (waiting: number): Error => new Error(`full: ${waiting}`);

it('does at once what comes alone, and together what comes meanwhile', async () => {
  const groups: number[][] = [];
  const gather = new Gather<number, string>({ maxItems: 4, maxWaiting: 100, full }, async (items) => {
    groups.push([...items]);
    return Promise.resolve(items.map(String));
  });
  const calls = [[1], [2, 3], [4], [5, 6, 7], [8, 9, 10, 11, 12], [13]].map((items) => gather.add(items));
  assert.deepEqual(groups, [[1]]);
  assert.deepEqual(
    (await Promise.all(calls)).flat().map(Number),
    [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13],
  );
  assert.deepEqual(groups, [[1], [2, 3, 4], [5, 6, 7], [8, 9, 10, 11, 12], [13]]);
});

it('a failure is that of its group alone, and more than may wait is refused', async () => {
  const gather = new Gather<number, number>({ maxItems: 10, maxWaiting: 2, full }, async (items) => {
    if (items.includes(2)) throw new Error('this group fails');
    return Promise.resolve([...items]);
  });
  const first = gather.add([1]);
  const second = gather.add([2, 3]);
  await assert.rejects(gather.add([4]), /full: 2/);
  assert.deepEqual(await first, [1]);
  await assert.rejects(second, /this group fails/);
  assert.deepEqual(await gather.add([5]), [5]);
});

it('heavy items make smaller groups, and one that is heavier than a group goes alone', async () => {
  const groups: number[][] = [];
  const act = async (items: readonly number[]): Promise<number[]> => {
    groups.push([...items]);
    return Promise.resolve([...items]);
  };
  const gather = new Gather<number, number>({ maxItems: 10, maxWaiting: 100, full }, act, (item) => item);
  const calls = [1, 5, 5, 11, 2, 3].map((item) => gather.add([item]));
  assert.deepEqual((await Promise.all(calls)).flat(), [1, 5, 5, 11, 2, 3]);
  assert.deepEqual(groups, [[1], [5, 5], [11], [2, 3]]);
});
