import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { afterEach, describe, it } from 'node:test';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { until } from '../../support/until.ts';
import { Caller } from '../../../src/router/caller.ts';
import type { WorkerRequest } from '../../../src/router/worker-request.ts';
import { encodePong, type RequestFrame } from '../../../src/wire/frames.ts';
import { type FakeAnswer, startFakeWorker } from '../../support/fake-worker.ts';
import { Happening } from '../../support/happening.ts';
import { connected, createRouterParts } from '../../support/router-parts.ts';
import { type Cleanups, startClient, valueOf, workerRequest } from '../../support/router-dispatch.ts';

const cleanups: Cleanups = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

describe('WorkerClient', () => {
  it('matches answers in any order to their requests', async () => {
    const held: FakeAnswer[] = [];
    const { client } = await startClient(cleanups, {
      onRequest: (_frame, answer) => {
        held.push(answer);
        if (held.length === 200) for (const one of held.toReversed()) one.echo();
      },
    });
    const values = Array.from({ length: 200 }, (_, index) => index);
    const answers = await Promise.all(
      values.map((value) => valueOf(client.send(workerRequest({ value }), new Caller()))),
    );
    assert.deepEqual(answers, values);
    assert.equal(client.inFlight, 0);
  });

  it('sends what one turn of the event loop brings as one write, and frame by frame when told to', async () => {
    for (const framesPerWrite of [DEFAULT_LIMITS.framesPerWrite, 1]) {
      const { client, parts } = await startClient(cleanups, {}, { limits: { framesPerWrite } });
      await Promise.all(Array.from({ length: 50 }, () => client.send(workerRequest(), new Caller())));
      const { values } = await parts.metrics.framesPerWrite.get();
      const writes = values.find(({ metricName }) => metricName?.endsWith('_count'))?.value;
      assert.equal(writes, framesPerWrite === 1 ? 50 : 1);
    }
  });

  it('loses what is in flight with a dying connection, and connects anew', async () => {
    const asked = new Happening();
    const { worker, client, parts } = await startClient(cleanups, {
      onRequest: (_frame, answer) => {
        asked.happen();
        if (asked.count > 3) answer.echo();
      },
    });
    const sending = [1, 2, 3].map((value) => client.send(workerRequest({ value }), new Caller()));
    await asked.times(3);
    for (const socket of worker.sockets) socket.destroy();
    assert.deepEqual(
      (await Promise.all(sending)).map(({ kind }) => kind),
      ['lost', 'lost', 'lost'],
    );
    assert.deepEqual(await client.send(workerRequest(), new Caller()), { kind: 'away' });
    await connected(parts.fleet, 1);
    assert.equal(await valueOf(client.send(workerRequest({ value: 7 }), new Caller())), 7);
  });

  it('knows that what never left was not sent', async () => {
    const { worker, client, parts } = await startClient(cleanups);
    const [socket] = worker.sockets;
    const closed = once(socket as Duplex, 'close');
    parts.fleet.close();
    const sending = client.send(workerRequest(), new Caller());
    await closed;
    assert.deepEqual(await sending, { kind: 'away' });
    assert.equal(worker.requests.length, 0);
  });

  it('gives up at the deadline, and tells the worker to forget', async () => {
    const { worker, client } = await startClient(cleanups, { onRequest: () => undefined });
    const late = client.send(workerRequest({ timeoutMs: 30 }), new Caller());
    assert.deepEqual(await late, { kind: 'deadline' });
    const caller = new Caller();
    const gone = client.send(workerRequest(), caller);
    while (worker.requests.length < 2) await once([...worker.sockets][0] as Duplex, 'data');
    caller.leave();
    assert.deepEqual(await gone, { kind: 'gone' });
    while (worker.cancelled.length < 2) await once([...worker.sockets][0] as Duplex, 'data');
    assert.deepEqual(
      worker.cancelled,
      worker.requests.map(({ id }) => id),
    );
  });

  it('is silent when pings go unanswered, busy or idle, until it is heard again', async () => {
    let isFrozen = false;
    const { worker, client, parts } = await startClient(
      cleanups,
      { onRequest: () => undefined, answersPings: () => !isFrozen },
      { limits: { workerPingMs: 10, workerIdlePingMs: 20, workerFrozenMs: 30, workerEjectMs: 1 } },
    );
    for (const isBusy of [false, true]) {
      isFrozen = true;
      const caller = new Caller();
      const outcome = isBusy ? client.send(workerRequest(), caller) : undefined;
      await until('it is silent', () => client.health.isSilent);
      assert.ok(client.isConnected && client.health.isPassedOver(performance.now(), 0));
      assert.equal(parts.fleet.silent, 1);
      isFrozen = false;
      // It answers what came while it was frozen.
      for (const socket of worker.sockets) socket.write(encodePong(0, false));
      await until('it is heard', () => client.health.standing(performance.now()) === 'connected');
      caller.leave();
      if (outcome !== undefined) assert.deepEqual(await outcome, { kind: 'gone' });
    }
  });

  it('gives requests up at a silent worker only when they may leave', async () => {
    const { client } = await startClient(
      cleanups,
      { onRequest: () => undefined, answersPings: () => false },
      { limits: { workerPingMs: 10, workerFrozenMs: 30 } },
    );
    let isElsewhere = false;
    const asked = new Happening();
    const leaving = client.send(workerRequest(), new Caller(), {
      mayLeave() {
        asked.happen();
        return isElsewhere;
      },
    });
    const staying = client.send(workerRequest({ timeoutMs: 1_000 }), new Caller());
    await asked.times(3);
    isElsewhere = true;
    assert.deepEqual(await leaving, { kind: 'silent' });
    assert.equal(client.inFlight, 1);
    assert.deepEqual(await staying, { kind: 'deadline' });
  });

  it('drops the connection of a worker that is silent for too long', async () => {
    let isFrozen = true;
    const { worker, client, parts } = await startClient(
      cleanups,
      { onRequest: (_frame, answer) => isFrozen || answer.echo(), answersPings: () => !isFrozen },
      { limits: { workerPingMs: 10, workerFrozenMs: 30, workerSilenceMs: 100 } },
    );
    const [socket] = worker.sockets;
    const closed = once(socket as Duplex, 'close');
    assert.equal((await client.send(workerRequest(), new Caller())).kind, 'lost');
    await closed;
    isFrozen = false;
    await connected(parts.fleet, 1);
    assert.equal(await valueOf(client.send(workerRequest({ value: 4 }), new Caller())), 4);
    assert.equal((await parts.metrics.connectionsLost.get()).values[0]?.value, 1);
    parts.fleet.close();
    await once([...worker.sockets][0] as Duplex, 'close');
    const { values } = await parts.metrics.connectionsLost.get();
    assert.equal(values[0]?.value, 1, 'a connection that the router ends is not lost');
  });

  it('drops a connection that speaks something else and fails what was in flight', async () => {
    const garbage = [
      Buffer.from('HTTP/1.1 200 OK\r\n\r\n'),
      Buffer.alloc(64),
      Buffer.from([40, 0, 0, 0, 1, 0, 0, 0, ...Array.from({ length: 32 }, () => 255)]),
      Buffer.from([40, 0, 0, 0, 3, 0, 0, 0, ...Array.from({ length: 32 }, () => 255)]),
    ];
    for (const bytes of garbage) {
      const asked = new Happening();
      const { client, parts } = await startClient(cleanups, {
        onRequest: (_frame, answer) => {
          asked.happen();
          if (asked.count === 1) answer.socket.write(bytes);
          else answer.echo();
        },
      });
      assert.equal((await client.send(workerRequest(), new Caller())).kind, 'lost');
      await connected(parts.fleet, 1);
      assert.equal(await valueOf(client.send(workerRequest({ value: 5 }), new Caller())), 5);
    }
  });

  it('gets large frames through a slow reader, gathering what comes meanwhile', async () => {
    const { worker, client } = await startClient(cleanups);
    const [socket] = worker.sockets;
    socket?.pause();
    const data = new Uint8Array(8 * 1024 * 1024);
    const large = {
      ...workerRequest(),
      tensors: [{ name: 'X', datatype: 'UINT8', shape: [data.length], data }],
    };
    const sending = [client.send(large as WorkerRequest, new Caller())];
    await new Promise((resolve) => setImmediate(() => setImmediate(resolve)));
    for (let index = 0; index < 100; index++)
      sending.push(client.send(workerRequest({ value: index }), new Caller()));
    socket?.resume();
    const outcomes = await Promise.all(sending);
    assert.deepEqual(
      outcomes.map(({ kind }) => kind),
      outcomes.map(() => 'answer'),
    );
    assert.equal(worker.requests.length, 101);
  });

  it('reports the queue delay that the worker reported, draining with time', async () => {
    const { client } = await startClient(cleanups, {
      onRequest: (_frame, answer) => answer.echo({ queueDelayUs: 40_000 }),
    });
    await client.send(workerRequest(), new Caller());
    const nowMs = performance.now();
    const delayMs = client.queueDelayMs(nowMs);
    assert.ok(delayMs > 0 && delayMs <= 40);
    assert.equal(client.queueDelayMs(nowMs + 10), Math.max(0, delayMs - 10));
    assert.equal(client.queueDelayMs(nowMs + 50), 0);
  });

  it('is refused with a wrong token and keeps trying', async () => {
    const refused = new Happening();
    const worker = await startFakeWorker({ onRefused: () => refused.happen() });
    const { fleet } = createRouterParts([worker.member], { token: 'wrong' });
    cleanups.push(
      () => fleet.close(),
      () => worker.close(),
    );
    await refused.times(3);
    assert.equal(fleet.connected, 0);
  });

  it('lets a removed worker answer what it has', async () => {
    const held: [RequestFrame, FakeAnswer][] = [];
    const asked = new Happening();
    const { worker, client, parts } = await startClient(cleanups, {
      onRequest: (frame, answer) => {
        held.push([frame, answer]);
        asked.happen();
      },
    });
    const sending = valueOf(client.send(workerRequest({ value: 9 }), new Caller()));
    await asked.times(1);
    await parts.members.leave(worker.member);
    assert.equal(parts.fleet.client(worker.member.id), undefined);
    assert.equal(parts.fleet.inFlight, 1);
    held[0]?.[1].echo();
    assert.equal(await sending, 9);
    assert.equal(parts.fleet.inFlight, 0);
  });
});
