import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { RetryBudget } from '../../../src/core/retry-budget.ts';
import { Caller } from '../../../src/router/caller.ts';
import type { Member } from '../../../src/stores/members/members.ts';
import { type FakeWorker, startFakeWorker } from '../../support/fake-worker.ts';
import { Happening } from '../../support/happening.ts';
import { until } from '../../support/until.ts';
import { type Cleanups, codeOf, dying, failing, startDispatch } from '../../support/router-dispatch.ts';

const cleanups: Cleanups = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

describe('dispatch', () => {
  it('stays with the first of the order while that is idle', async () => {
    const { fakes, send } = await startDispatch(cleanups, [{}, {}, {}]);
    for (let index = 0; index < 20; index++) await send();
    assert.deepEqual(
      fakes.map(({ requests }) => requests.length),
      [20, 0, 0],
    );
  });

  it('takes the second when the first reports a long queue, and never the third', async () => {
    const { fakes, send } = await startDispatch(cleanups, [
      { onRequest: (_frame, answer) => answer.echo({ queueDelayUs: 10_000_000 }) },
      {},
      {},
    ]);
    for (let index = 0; index < 10; index++) await send();
    assert.deepEqual(
      fakes.map(({ requests }) => requests.length),
      [1, 9, 0],
    );
  });

  it('tries what a worker that falls silent has on one more that lives, and keeps others from it', async () => {
    const limits = { workerPingMs: 20, workerFrozenMs: 60 };
    const asked = new Happening();
    const frozen = { onRequest: () => asked.happen(), answersPings: () => false };
    const { fakes, parts, send } = await startDispatch(cleanups, [frozen, {}], { limits });
    const sending = Array.from({ length: 100 }, () => send());
    await asked.times(100);
    for (const { worker } of await Promise.all(sending)) assert.equal(worker, fakes[1]?.member.id);
    assert.equal((await send()).worker, fakes[1]?.member.id);
    assert.equal(fakes[0]?.requests.length, 100);
    const { values } = await parts.metrics.retries.get();
    assert.deepEqual(values, [{ labels: { reason: 'silent' }, value: 100 }]);
  });

  it('tries what was at two workers that fell silent on no third, and leaves it where nobody else lives', async () => {
    const limits = { workerPingMs: 20, workerFrozenMs: 60 };
    const asked = new Happening();
    let isFrozen = false;
    const frozen = { onRequest: () => asked.happen(), answersPings: () => false };
    const second = { onRequest: () => ((isFrozen = true), asked.happen()), answersPings: () => !isFrozen };
    const { fakes, send } = await startDispatch(cleanups, [frozen, second, {}], { limits });
    assert.equal(await codeOf(send(1_500)), 'DEADLINE_EXCEEDED');
    assert.deepEqual(
      fakes.map(({ requests }) => requests.length),
      [1, 1, 0],
    );
    const alone = await startDispatch(cleanups, [frozen, { answersPings: () => false }], { limits });
    assert.equal(await codeOf(alone.send(500)), 'DEADLINE_EXCEEDED', 'nobody is known to live');
    assert.equal(alone.fakes[1]?.requests.length, 0);
  });

  it('gives the refusal of one worker at once when the other of its shard is silent', async () => {
    const limits = { workerPingMs: 20, workerFrozenMs: 60 };
    const frozen = { answersPings: () => false };
    const storeless = { onRequest: failing('STORE_UNAVAILABLE') };
    const { fakes, parts, send } = await startDispatch(cleanups, [frozen, storeless], { limits });
    await until('it is silent', () => parts.fleet.silent === 1);
    assert.equal(await codeOf(send(60_000)), 'STORE_UNAVAILABLE');
    assert.deepEqual(
      fakes.map(({ requests }) => requests.length),
      [0, 1],
    );
  });

  it('passes a worker over that said it stops, without a retry for each request', async () => {
    const { fakes, parts, send } = await startDispatch(cleanups, [
      { onRequest: failing('SHUTTING_DOWN') },
      {},
    ]);
    for (let index = 0; index < 10; index++) assert.equal((await send()).worker, fakes[1]?.member.id);
    assert.equal(fakes[0]?.requests.length, 1);
    assert.equal(parts.fleet.client(fakes[0]?.member.id ?? '')?.health.standing(0), 'draining');
  });

  it('passes a worker over for a while whose store fails what another answers, and asks it again one by one', async () => {
    const limits = { workerFailures: 3, workerEjectMs: 200, workerEjectMaxMs: 200 };
    let isBroken = true;
    const { fakes, parts, send } = await startDispatch(
      cleanups,
      [
        {
          onRequest: (_frame, answer) =>
            isBroken ? answer.fail('STORE_UNAVAILABLE', 'the disk is gone') : answer.echo(),
        },
        {},
      ],
      { limits },
    );
    const id = fakes[0]?.member.id ?? '';
    for (let index = 0; index < 3; index++) assert.equal((await send()).worker, fakes[1]?.member.id);
    assert.equal(parts.fleet.ejected, 1);
    assert.equal((await send()).worker, fakes[1]?.member.id);
    assert.equal(fakes[0]?.requests.length, 3);
    const standing = () => parts.fleet.client(id)?.health.standing(parts.now());
    await until('it is on probation', () => standing() === 'probation');
    await send();
    assert.equal(fakes[0]?.requests.length, 4);
    assert.equal(standing(), 'ejected', 'one failure is enough then');
    await until('it is on probation again', () => standing() === 'probation');
    isBroken = false;
    assert.equal((await send()).worker, id);
    assert.equal(parts.fleet.ejected, 0);
  });

  it('blames no worker for a store that fails several, though another has the model', async () => {
    const broken = { onRequest: failing('STORE_UNAVAILABLE') };
    const { fakes, parts, send } = await startDispatch(cleanups, [broken, broken, {}], {
      limits: { workerFailures: 1 },
    });
    for (let index = 0; index < 5; index++) assert.equal((await send()).worker, fakes[2]?.member.id);
    assert.equal(parts.fleet.ejected, 0);
    assert.equal(fakes[0]?.requests.length, 5);
  });

  it('blames no worker for what no other can do either', async () => {
    const broken = { onRequest: failing('STORE_UNAVAILABLE') };
    const { parts, send } = await startDispatch(cleanups, [broken, broken], {
      limits: { workerFailures: 1 },
    });
    for (let index = 0; index < 5; index++) assert.equal(await codeOf(send()), 'STORE_UNAVAILABLE');
    assert.equal(parts.fleet.ejected, 0);
  });

  it('tries the next of the shard when one is overloaded, stops, or lost its store', async () => {
    for (const code of ['OVERLOADED', 'SHUTTING_DOWN', 'STORE_UNAVAILABLE'] as const) {
      const { fakes, send } = await startDispatch(cleanups, [
        { onRequest: failing(code) },
        { onRequest: failing(code) },
        {},
      ]);
      const { worker } = await send();
      assert.equal(worker, fakes[2]?.member.id);
      assert.deepEqual(
        fakes.map(({ requests }) => requests.length),
        [1, 1, 1],
      );
    }
  });

  it('never leaves the shard, and gives the last error with its pause', async () => {
    const { fakes, send } = await startDispatch(cleanups, [{ onRequest: failing('OVERLOADED') }, {}]);
    const only = [fakes[0]?.member as Member];
    await assert.rejects(
      send(1_000, () => only),
      { code: 'OVERLOADED', retryAfterSeconds: 2 },
    );
    assert.equal(fakes[1]?.requests.length, 0);
  });

  it('passes a failure of the model itself on at once', async () => {
    const { fakes, send } = await startDispatch(cleanups, [{ onRequest: failing('MODEL_FAILED') }, {}]);
    assert.equal(await codeOf(send()), 'MODEL_FAILED');
    assert.equal(fakes[1]?.requests.length, 0);
  });

  it('denies retries beyond the budget', async () => {
    const budget = new RetryBudget(performance.now(), { share: 0, floorPerSecond: 0, maxSaved: 2 });
    const { fakes, parts, send } = await startDispatch(cleanups, [{ onRequest: failing('OVERLOADED') }, {}], {
      budget,
    });
    const codes = [];
    for (let index = 0; index < 4; index++) codes.push(await codeOf(send()));
    assert.deepEqual(codes, ['none', 'none', 'OVERLOADED', 'OVERLOADED']);
    assert.equal(fakes[1]?.requests.length, 2);
    assert.equal((await parts.metrics.retriesDenied.get()).values[0]?.value, 2);
  });

  it('asks the budget of deaths after a death, and none when nothing was sent', async () => {
    const empty = () => new RetryBudget(performance.now(), { share: 0, floorPerSecond: 0, maxSaved: 0 });
    const dead = await startDispatch(cleanups, [{ onRequest: dying }, {}], { budget: empty() });
    assert.equal((await dead.send()).worker, dead.fakes[1]?.member.id);
    const full = await startDispatch(cleanups, [{}, {}], {
      budget: empty(),
      deathBudget: empty(),
      limits: { workerQueueRequests: 0 },
    });
    assert.equal(await codeOf(full.send()), 'OVERLOADED');
    assert.equal((await full.parts.metrics.retriesDenied.get()).values[0]?.value, 0);
    const last = await startDispatch(cleanups, [{ onRequest: dying }, {}], { deathBudget: empty() });
    assert.equal(await codeOf(last.send()), 'NO_WORKER');
  });

  it('skips a worker that is away without a retry, and waits for one when all are', async () => {
    const { fakes, parts, send } = await startDispatch(cleanups, [{}, {}]);
    const [first, second] = fakes as [FakeWorker, FakeWorker];
    await first.close();
    while (parts.fleet.client(first.member.id)?.isConnected) await new Promise(setImmediate);
    assert.equal((await send()).worker, second.member.id);
    await second.close();
    while (parts.fleet.connected > 0) await new Promise(setImmediate);
    const waiting = send();
    const back = await startFakeWorker({
      id: second.member.id,
      port: Number(new URL(second.member.address).port),
    });
    cleanups.push(() => back.close());
    assert.equal((await waiting).worker, second.member.id);
  });

  it('says so when there is no worker, or none comes back in time', async () => {
    const { parts, fakes, send } = await startDispatch(cleanups, [{}]);
    await assert.rejects(
      send(50, () => []),
      { code: 'NO_WORKER', message: 'there is no live worker' },
    );
    await fakes[0]?.close();
    while (parts.fleet.connected > 0) await new Promise(setImmediate);
    await assert.rejects(send(50), { code: 'NO_WORKER', message: /none of the 1 workers/ });
  });

  it('gives up at the deadline and when the caller goes', async () => {
    const asked = new Happening();
    const { send } = await startDispatch(cleanups, [{ onRequest: () => asked.happen() }, {}]);
    assert.equal(await codeOf(send(20)), 'DEADLINE_EXCEEDED');
    const caller = new Caller();
    const sending = codeOf(send(10_000, undefined, caller));
    await asked.times(2);
    caller.leave();
    assert.equal(await sending, 'REQUEST_TIMEOUT');
  });
});
