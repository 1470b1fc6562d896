import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { startHotModel } from '../../support/hot-model.ts';
import { until } from '../../support/until.ts';

it('a model that one worker cannot carry is warm on the next before that gets requests, and goes back when it cools', async (t) => {
  const hot = await startHotModel(3, { hotDecideMs: 100, hotCoolMs: 500, maxCopies: 2 });
  t.after(() => hot.close());
  assert.deepEqual([(await hot.ask()).cold, (await hot.ask()).cold], [true, false]);
  for (let index = 0; index < 20; index++) assert.equal((await hot.ask()).worker, 'w1');
  assert.equal(hot.parts.hot.size, 0, 'one copy carries what comes now');

  const stop = hot.overload(64);
  await until('it has two copies', () => hot.parts.hot.copiesOf(hot.key)?.size === 2);
  const from = hot.answers.length;
  await until('both have answered', () => {
    const now = hot.answers.slice(from);
    return ['w1', 'w2'].every((id) => now.filter(({ worker }) => worker === id).length > 50);
  });
  await stop();
  const others = hot.answers.slice(1);
  assert.deepEqual(
    others.filter(({ cold }) => cold),
    [],
    'nobody waited for the second copy to be loaded',
  );
  assert.ok(others.every(({ worker }) => worker !== 'w3'));

  await until('it is back to one copy', async () => {
    await hot.ask();
    await pause(20);
    return hot.parts.hot.size === 0;
  });
  for (let index = 0; index < 20; index++) assert.equal((await hot.ask()).worker, 'w1');
  const { values } = await hot.parts.metrics.copyChanges.get();
  assert.deepEqual(
    values.map(({ labels, value }) => [labels.outcome, value]),
    [
      ['grown', 1],
      ['shrunk', 1],
    ],
  );
});

it('the copy of a hot model on a worker that starts anew counts as gone', async (t) => {
  const hot = await startHotModel(2, { hotDecideMs: 100 });
  t.after(() => hot.close());
  await hot.ask();
  const stop = hot.overload(64);
  await until('it has two copies', () => hot.parts.hot.copiesOf(hot.key)?.size === 2);
  const client = hot.parts.fleet.client('w2');
  const connectedAtMs = client?.connectedAtMs;
  client?.drop();
  await until('it is connected anew, and warmed again', () => {
    const warmedAtMs = hot.parts.hot.copiesOf(hot.key)?.get('w2');
    return warmedAtMs !== undefined && warmedAtMs !== connectedAtMs;
  });
  await stop();
});
