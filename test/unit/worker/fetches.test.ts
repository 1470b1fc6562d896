import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Registry } from 'prom-client';
import { ShoalError } from '../../../src/core/errors.ts';
import type { Digest } from '../../../src/core/ids.ts';
import { CorruptContentError } from '../../../src/stores/store-error.ts';
import { Fetches, type FetchWaiter } from '../../../src/worker/fetch/fetches.ts';
import type { Fetched } from '../../../src/worker/fetch/model-fetcher.ts';
import { makeWorkerMetrics } from '../../../src/worker/metrics.ts';
import { keyOf, quiet } from './residency-world.ts';

const LIGHT = 1_000;
const HEAVY = 100 * 1024 * 1024;

/** Fetches that come when the test says so. */
function scene(slots = 2) {
  const underWay: {
    digest: Digest;
    end: (answer: Fetched | ShoalError) => void;
    fail: (error: Error) => void;
  }[] = [];
  const events: string[] = [];
  const time = { nowMs: 1_000 };
  const fetches = new Fetches({
    fetcher: {
      hasArtifact: () => false,
      fetch: (digest) =>
        new Promise((resolve, reject) => underWay.push({ digest, end: resolve, fail: reject })),
    },
    limits: { workerFetches: slots, workerHeavyFetches: 1 },
    metrics: makeWorkerMetrics(new Registry()),
    clock: () => time.nowMs,
    onCorrupt: () => events.push('corrupt'),
    onAway: () => events.push('away'),
    onBack: () => events.push('back'),
  });
  const heard: string[] = [];
  const join = (number: number, { tenant = 'acme', bytes = LIGHT, timeoutMs = 60_000 } = {}) => {
    const key = keyOf(number, tenant);
    const waiter: FetchWaiter = {
      expiresAtMs: time.nowMs + timeoutMs,
      fetched: (what) => heard.push(`${tenant} ${number} ${what}`),
      failed: ({ code }) => heard.push(`${tenant} ${number} ${code}`),
    };
    return { refusal: fetches.join(key, bytes, waiter), leave: () => fetches.leave(key, waiter) };
  };
  const end = async (answer: Fetched | ShoalError = 'plan'): Promise<void> => {
    underWay.shift()?.end(answer);
    await quiet();
  };
  const fail = async (error: Error): Promise<void> => {
    underWay.shift()?.fail(error);
    await quiet();
  };
  return { time, fetches, underWay, events, heard, join, end, fail };
}

const AWAY = new ShoalError('STORE_UNAVAILABLE', 'nobody listens there');

test('one fetch for all who ask for one content; tenants take turns; large ones hold up no small ones', async () => {
  const { join, underWay, heard, end } = scene();
  join(1);
  join(1, { tenant: 'other' });
  join(8, { bytes: HEAVY });
  join(9, { bytes: HEAVY });
  for (const number of [2, 3, 4]) join(number);
  join(5, { tenant: 'quiet' });
  await quiet();
  // Two small ones and one large one.
  assert.equal(underWay.length, 3);
  assert.equal(heard.length, 0);
  for (let left = 7; left > 0; left--) await end();
  assert.equal(underWay.length, 0);
  assert.deepEqual(heard.slice(0, 2), ['acme 1 plan', 'other 1 plan']);
  assert.ok(heard.indexOf('quiet 5 plan') < heard.indexOf('acme 4 plan'));
  assert.equal(heard.length, 8);
});

test('who left hears nothing, and what nobody waits for does not begin', async () => {
  const { fetches, join, underWay, heard, end } = scene(1);
  const first = join(1);
  const second = join(2);
  await quiet();
  assert.equal(fetches.isBusy, true);
  first.leave();
  second.leave();
  assert.equal(fetches.isBusy, false);
  assert.equal(underWay.length, 1);
  await end();
  assert.equal(underWay.length, 0);
  assert.deepEqual(heard, []);
});

test('whose turn would come after the deadline is refused at once', async () => {
  const { time, join, end } = scene(1);
  for (let number = 0; number < 5; number++) join(number);
  await quiet();
  for (let ended = 0; ended < 3; ended++) {
    time.nowMs += 100;
    await end('artifact');
  }
  // One is under way and one waits.
  const { refusal } = join(10, { timeoutMs: 150 });
  assert.equal(refusal?.code, 'OVERLOADED');
  assert.equal(refusal?.retryAfterSeconds, 0.2);
  const patient = join(10, { timeoutMs: 250 });
  assert.equal(patient.refusal, undefined);
  patient.leave();
  await end();
  await end();
});

test('the time that the store was away is not what a fetch is taken to need', async () => {
  const { time, join, end, fail } = scene(1);
  for (let number = 0; number < 6; number++) join(number);
  await quiet();
  time.nowMs += 100;
  await end();
  time.nowMs += 60_000;
  await fail(AWAY);
  time.nowMs += 100;
  await end();
  // One is under way and two wait.
  assert.equal(join(10, { timeoutMs: 350 }).refusal, undefined);
});

test('shortly before the deadline who still waits is told that the store is late', async () => {
  const { join, heard, underWay, end } = scene(1);
  join(1, { timeoutMs: 60 });
  join(2, { timeoutMs: 20 });
  while (heard.length < 2) await quiet();
  assert.deepEqual(heard, ['acme 2 STORE_UNAVAILABLE', 'acme 1 STORE_UNAVAILABLE']);
  assert.equal(underWay.length, 1);
  await end();
  assert.equal(underWay.length, 0);
});

test('while the store is away only as many wait as may be under way; one good answer opens it again', async () => {
  const { join, heard, events, end, fail } = scene(1);
  join(1);
  await quiet();
  await fail(AWAY);
  assert.deepEqual(heard, ['acme 1 STORE_UNAVAILABLE']);
  assert.equal(join(2).refusal, undefined);
  await quiet();
  const { refusal } = join(3);
  assert.equal(refusal?.code, 'STORE_UNAVAILABLE');
  assert.match(refusal?.message ?? '', /failed lately: nobody listens there/);
  // Who asks for what is under way waits with the others.
  assert.equal(join(2, { tenant: 'other' }).refusal, undefined);
  await fail(AWAY);
  join(4);
  await quiet();
  await end(new ShoalError('STORE_UNAVAILABLE', 'not there'));
  assert.deepEqual(events, ['away', 'back']);
  join(5);
  assert.equal(join(6).refusal, undefined);
  await quiet();
  await fail(new CorruptContentError('an artifact is corrupt'));
  await end();
  assert.deepEqual(events, ['away', 'back', 'corrupt']);
  assert.equal(heard.at(-1), 'acme 6 plan');
});
