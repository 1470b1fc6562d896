import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { setImmediate } from 'node:timers/promises';
import { Caller } from '../../../src/router/caller.ts';
import { dispatch } from '../../../src/router/dispatch.ts';
import { encodeHeld } from '../../../src/wire/frames.ts';
import { announcementOf } from '../../support/announcement.ts';
import { type FakeWorker, startFakeWorker } from '../../support/fake-worker.ts';
import { Happening } from '../../support/happening.ts';
import {
  type Cleanups,
  codeOf,
  dying,
  failing,
  KEY,
  startDispatch,
  workerRequest,
} from '../../support/router-dispatch.ts';

const cleanups: Cleanups = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

describe('dispatch when workers die or are held', () => {
  it('gives a request that may have killed one worker to one more, and to no third', async () => {
    const { fakes, send } = await startDispatch(cleanups, [{ onRequest: dying }, {}, {}]);
    assert.equal((await send()).worker, fakes[1]?.member.id);
    const poison = await startDispatch(cleanups, [{ onRequest: dying }, { onRequest: dying }, {}]);
    assert.equal(await codeOf(poison.send()), 'NO_WORKER');
    assert.deepEqual(
      poison.fakes.map(({ requests }) => requests.length),
      [1, 1, 0],
    );
  });

  it('loses nothing of what a dying worker had while another lives', async () => {
    const asked = new Happening();
    const { fakes, send } = await startDispatch(cleanups, [{ onRequest: () => asked.happen() }, {}]);
    const sending = Array.from({ length: 100 }, () => send());
    await asked.times(100);
    for (const socket of fakes[0]?.sockets ?? []) socket.destroy();
    const answers = await Promise.all(sending);
    assert.ok(answers.every(({ worker }) => worker === fakes[1]?.member.id));
  });

  it('tries what only waited beside the culprit as often as workers die', async () => {
    const { fakes, parts, send } = await startDispatch(cleanups, [
      { onRequest: dying },
      { onRequest: dying },
      {},
    ]);
    for (const { member } of fakes.slice(0, 2)) parts.members.died({ worker: member.id, atWork: ['other'] });
    assert.equal((await send()).worker, fakes[2]?.member.id);
  });

  it('takes a report that comes after the connection has ended, and of that process only', async () => {
    for (const atWork of [[], [KEY]]) {
      const dead = new Happening();
      const { fakes, parts, send } = await startDispatch(
        cleanups,
        [
          { onRequest: (frame, answer) => (dying(frame, answer), dead.happen()) },
          { onRequest: (frame, answer) => (dying(frame, answer), dead.happen()) },
          {},
        ],
        { limits: { autopsyMs: 60_000 } },
      );
      const sending = codeOf(send());
      await dead.times(2);
      while ((await parts.metrics.connectionsLost.get()).values[0]?.value !== 2) await setImmediate();
      for (const { member } of fakes) parts.members.died({ worker: member.id, atWork });
      assert.equal(await sending, atWork.length === 0 ? 'none' : 'NO_WORKER');
      assert.equal(fakes[2]?.requests.length, atWork.length === 0 ? 1 : 0);
    }
  });

  it('fails nothing that waited when both workers of a shard die, one after the other, and come back', async () => {
    const asked = [new Happening(), new Happening()];
    const { fakes, parts, send } = await startDispatch(
      cleanups,
      asked.map((one) => ({ onRequest: () => one.happen() })),
    );
    const [first, second] = fakes as [FakeWorker, FakeWorker];
    const sending = Array.from({ length: 300 }, () => send());
    await asked[0]?.times(300);
    await first.close();
    parts.members.died({ worker: first.member.id, atWork: ['acme/poison'] });
    await asked[1]?.times(300);
    await second.close();
    parts.members.died({ worker: second.member.id, atWork: ['acme/poison'] });
    const third = new Happening();
    const again = await startFakeWorker({ id: second.member.id, onRequest: () => third.happen() });
    await parts.members.announce(announcementOf(again.member));
    await third.times(300);
    await again.close();
    parts.members.died({ worker: again.member.id, atWork: ['acme/poison'] });
    const back = await startFakeWorker({ id: first.member.id });
    cleanups.push(() => back.close());
    await parts.members.announce(announcementOf(back.member));
    const answers = await Promise.all(sending);
    assert.ok(answers.every(({ worker }) => worker === first.member.id));
  });

  it('waits for a worker that is away for a moment when the other refuses, and not when none is away', async () => {
    const { fakes, parts, send } = await startDispatch(cleanups, [{}, { onRequest: failing('OVERLOADED') }]);
    const [first] = fakes as [FakeWorker, FakeWorker];
    await first.close();
    while (parts.fleet.connected > 1) await parts.fleet.change(10);
    const waiting = send();
    while (parts.fleet.homeless.requests === 0) await setImmediate();
    const back = await startFakeWorker({ id: first.member.id });
    cleanups.push(() => back.close());
    await parts.members.announce(announcementOf(back.member));
    assert.equal((await waiting).worker, first.member.id);
    const full = await startDispatch(cleanups, [{ onRequest: failing('OVERLOADED') }]);
    assert.equal(await codeOf(full.send()), 'OVERLOADED');
  });

  it('bounds what waits for a worker to come back, a tenant to what is free', async () => {
    const { fakes, parts, send } = await startDispatch(cleanups, [{}], {
      limits: { workerQueueRequests: 4 },
    });
    await fakes[0]?.close();
    while (parts.fleet.connected > 0) await parts.fleet.change(10);
    const callers = [new Caller(), new Caller(), new Caller()];
    const sending = callers.map((caller) => codeOf(send(10_000, undefined, caller)));
    assert.equal(await sending[2], 'OVERLOADED');
    assert.equal(parts.fleet.homeless.requests, 2);
    for (const caller of callers) caller.leave();
    assert.deepEqual(await Promise.all(sending), ['REQUEST_TIMEOUT', 'REQUEST_TIMEOUT', 'OVERLOADED']);
    assert.equal(parts.fleet.homeless.requests, 0);
  });

  it('keeps a model that holds a lane where it is, and no other', async () => {
    const { fakes, parts, send } = await startDispatch(cleanups, [{}, { onRequest: failing('OVERLOADED') }]);
    const [first, second] = fakes as [FakeWorker, FakeWorker];
    const tell = async (isHeld: boolean) => {
      for (const socket of second.sockets) socket.write(encodeHeld(KEY, isHeld));
      while (parts.fleet.held.size !== (isHeld ? 1 : 0)) await setImmediate();
    };
    await tell(true);
    assert.equal(await codeOf(send()), 'OVERLOADED');
    assert.deepEqual([first.requests.length, second.requests.length], [0, 1]);
    const order = fakes.map(({ member }) => member);
    const other = { ...workerRequest(), key: 'acme/other' };
    await dispatch(parts, () => order, other, new Caller());
    assert.deepEqual([first.requests.length, second.requests.length], [1, 1]);
    const outside = await dispatch(parts, () => order.slice(0, 1), workerRequest(), new Caller());
    assert.equal(outside.worker, first.member.id, 'never outside its shard');
    await tell(false);
    assert.equal((await send()).worker, first.member.id);
    await tell(true);
    for (const socket of second.sockets) socket.destroy();
    while (parts.fleet.held.size > 0) await setImmediate();
    assert.equal(
      (await send()).worker,
      first.member.id,
      'the connection has ended, and what was known with it',
    );
  });

  it('lets those go elsewhere that only wait behind a model that holds a lane', async () => {
    const { fakes, parts } = await startDispatch(cleanups, [
      {
        onRequest(_frame, answer) {
          for (const socket of fakes[0]?.sockets ?? []) socket.write(encodeHeld(KEY, true));
          answer.fail('OVERLOADED', 'another model has held the lane');
        },
      },
      {},
    ]);
    const order = fakes.map(({ member }) => member);
    const waiting = Array.from({ length: 20 }, () =>
      dispatch(parts, () => order, { ...workerRequest(), key: 'acme/other' }, new Caller()),
    );
    for (const { worker } of await Promise.all(waiting)) assert.equal(worker, fakes[1]?.member.id);
    const later = { ...workerRequest(), key: 'acme/other' };
    assert.equal((await dispatch(parts, () => order, later, new Caller())).worker, fakes[1]?.member.id);
  });

  it('does not spread a model to the second worker before the first has shown that its runs end', async () => {
    const asked = new Happening();
    const { fakes, parts, send } = await startDispatch(cleanups, [
      { onRequest: (frame, answer) => (frame.key === KEY ? asked.happen() : answer.echo()) },
      {},
    ]);
    const poison = Array.from({ length: 300 }, () => codeOf(send(500)));
    const other = { ...workerRequest(), key: 'acme/other' };
    const order = fakes.map(({ member }) => member);
    const { worker } = await dispatch(parts, () => order, other, new Caller());
    assert.equal(worker, fakes[0]?.member.id, 'its pings are answered: it is no worse than others');
    await asked.times(300);
    assert.deepEqual(new Set(await Promise.all(poison)), new Set(['DEADLINE_EXCEEDED']));
    const brief = codeOf(send(10));
    assert.equal(
      await brief,
      'DEADLINE_EXCEEDED',
      'still there, though nobody waits for the first ones any more',
    );
    assert.equal(fakes[1]?.requests.length, 0);
  });

  it('does not spread it either when the first refuses what could not be answered in time', async () => {
    // As a worker does whose lane is held: what has come is run for ever, the next would wait too long.
    const asked = new Happening();
    const { fakes, send } = await startDispatch(cleanups, [
      {
        onRequest(_frame, answer) {
          asked.happen();
          if (fakes[0]?.requests.length !== 1) answer.fail('OVERLOADED', 'it would wait too long');
        },
      },
      {},
    ]);
    const first = codeOf(send(200));
    await asked.times(1);
    for (let again = 0; again < 10; again++) assert.equal(await codeOf(send(200)), 'OVERLOADED');
    assert.equal(await first, 'DEADLINE_EXCEEDED');
    for (let again = 0; again < 10; again++) assert.equal(await codeOf(send(200)), 'OVERLOADED');
    assert.equal(fakes[1]?.requests.length, 0);
  });
});
