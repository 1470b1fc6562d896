import assert from 'node:assert/strict';
import { it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { HotModels } from '../../../src/router/hot-models.ts';
import { createRouterMetrics } from '../../../src/router/metrics.ts';
import type { WorkerClient } from '../../../src/router/worker-client.ts';
import type { Member } from '../../../src/stores/members/members.ts';
import { KEY, workerRequest } from '../../support/router-dispatch.ts';

function memberOf(id: string): Member {
  return { id, address: `http://${id}`, zone: 'a', weight: 1 };
}

/** Workers that are all well, on a clock that the test moves; every decision finds the model hot. */
function world() {
  const state = { nowMs: 0, order: ['w1', 'w2', 'w3', 'w4'].map(memberOf), away: new Set<string>() };
  const warmed: string[] = [];
  const warming: { resolve: () => void; reject: (error: Error) => void }[] = [];
  const client = (id: string) =>
    ({
      member: memberOf(id),
      isConnected: !state.away.has(id),
      connectedAtMs: 1,
      health: { standing: () => 'connected' },
    }) as unknown as WorkerClient;
  const hot = new HotModels({
    fleet: { client },
    control: {
      warmAhead: ({ id }) => {
        warmed.push(id);
        const { promise, resolve, reject } = Promise.withResolvers<{ loaded: boolean }>();
        warming.push({ resolve: () => resolve({ loaded: true }), reject });
        return promise;
      },
    },
    orderOf: () => state.order,
    limits: { ...DEFAULT_LIMITS, maxCopies: 3 },
    metrics: createRouterMetrics(new Registry()),
    logger: pino({ level: 'silent' }),
    now: () => state.nowMs,
    random: () => 0,
  });
  const decide = async (): Promise<void> => {
    for (let index = 0; index < 20; index++) hot.refused(workerRequest(), 1_000);
    state.nowMs += 1_000;
    hot.decide();
    await setImmediate();
  };
  /** Until one more is being warmed; resolves when it is. */
  const grow = async (): Promise<void> => {
    const before = warming.length;
    for (let tries = 0; warming.length === before; tries++) {
      assert.ok(tries < 10, 'it grows');
      await decide();
    }
  };
  const warm = async (): Promise<void> => {
    warming.at(-1)?.resolve();
    await setImmediate();
  };
  const fail = async (): Promise<void> => {
    warming.at(-1)?.reject(new Error('no room'));
    await setImmediate();
  };
  return {
    state,
    hot,
    warmed,
    decide,
    grow,
    warm,
    fail,
    copies: () => [...(hot.copiesOf(KEY)?.keys() ?? [])],
  };
}

it('a copy on a worker that is out of the shard counts no more, and another takes its place', async (t) => {
  const { state, hot, warmed, decide, grow, warm, copies } = world();
  t.after(() => hot.stop());
  for (let index = 0; index < 2; index++) {
    await grow();
    await warm();
  }
  assert.deepEqual(copies(), ['w1', 'w2', 'w3']);
  state.order = state.order.filter(({ id }) => id !== 'w2');
  await decide();
  assert.deepEqual(copies(), ['w1', 'w3']);
  await grow();
  await warm();
  assert.deepEqual(warmed, ['w2', 'w3', 'w4']);
  assert.deepEqual(copies(), ['w1', 'w3', 'w4']);
});

it('a copy that was being warmed when the others were lost stands beside the first worker of the order', async (t) => {
  const { state, hot, decide, grow, warm, copies } = world();
  t.after(() => hot.stop());
  await grow();
  await warm();
  assert.deepEqual(copies(), ['w1', 'w2']);
  await grow();
  state.away.add('w2');
  await decide();
  assert.deepEqual(copies(), []);
  await warm();
  assert.deepEqual(copies(), ['w1', 'w3']);
});

it('a copy that could not be warmed is not tried again at once', async (t) => {
  const { hot, warmed, decide, grow, fail } = world();
  t.after(() => hot.stop());
  await grow();
  await fail();
  for (let index = 0; index < 15; index++) await decide();
  assert.deepEqual(warmed, ['w2']);
  await decide();
  assert.deepEqual(warmed, ['w2', 'w2']);
});
