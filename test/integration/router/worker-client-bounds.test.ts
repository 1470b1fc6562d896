import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { Caller } from '../../../src/router/caller.ts';
import { connected } from '../../support/router-parts.ts';
import { type Cleanups, startClient, valueOf, workerRequest } from '../../support/router-dispatch.ts';

const cleanups: Cleanups = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

describe('what a WorkerClient holds', () => {
  it('takes a request back that has not left yet', async () => {
    const { worker, client, parts } = await startClient(cleanups);
    const caller = new Caller();
    const sending = client.send(workerRequest(), caller);
    caller.leave();
    assert.deepEqual(await sending, { kind: 'gone' });
    assert.equal(await valueOf(client.send(workerRequest({ value: 2 }), new Caller())), 2);
    assert.equal(worker.requests.length, 1);
    assert.equal((await parts.metrics.unsent.get()).values[0]?.value, 1);
    assert.deepEqual(worker.cancelled, []);
  });

  it('bounds requests and bytes under way, and leaves as much free as one tenant has', async () => {
    const limits = { workerQueueRequests: 6, workerQueueBytes: 400 };
    const { client } = await startClient(cleanups, { onRequest: () => undefined }, { limits });
    const data = new Uint8Array(1_000);
    const big = {
      ...workerRequest(),
      tensors: [{ name: 'X', datatype: 'UINT8' as const, shape: [1_000], data }],
    };
    void client.send(big, new Caller());
    assert.equal(client.inFlight, 1, 'one request always fits');
    const full = await client.send(workerRequest(), new Caller());
    assert.deepEqual(full, { kind: 'full', of: 'queue', drainMs: 0 });
    const { client: small } = await startClient(
      cleanups,
      { onRequest: () => undefined },
      { limits: { workerQueueRequests: 6 } },
    );
    const kinds: string[] = [];
    const send = async (tenant: string) => {
      const outcome = await small.send({ ...workerRequest(), tenant }, new Caller());
      kinds.push(outcome.kind === 'full' ? `${tenant}: ${outcome.of}` : outcome.kind);
    };
    for (const tenant of ['loud', 'loud', 'loud', 'loud', 'quiet', 'late', 'later', 'last']) {
      void send(tenant);
    }
    await new Promise(setImmediate);
    assert.deepEqual(kinds, ['loud: tenant', 'last: queue']);
    assert.equal(small.inFlight, 6);
  });

  it('gives its place back whatever becomes of a request', async () => {
    const { worker, client, parts } = await startClient(
      cleanups,
      { onRequest: (frame, answer) => frame.key === 'acme/answered' && answer.echo() },
      { limits: { workerQueueRequests: 4 } },
    );
    const caller = new Caller();
    const sending = [
      client.send({ ...workerRequest(), key: 'acme/answered' }, new Caller()),
      client.send(workerRequest({ timeoutMs: 20 }), caller),
    ];
    assert.deepEqual(
      (await Promise.all(sending)).map(({ kind }) => kind),
      ['answer', 'deadline'],
    );
    const lost = [client.send(workerRequest(), new Caller()), client.send(workerRequest(), new Caller())];
    while (worker.requests.length < 4) await new Promise(setImmediate);
    for (const socket of worker.sockets) socket.destroy();
    assert.deepEqual(
      (await Promise.all(lost)).map(({ kind }) => kind),
      ['lost', 'lost'],
    );
    await connected(parts.fleet, 1);
    const last = { ...workerRequest(), key: 'acme/answered' };
    const again = await Promise.all([client.send(last, new Caller()), client.send(last, new Caller())]);
    assert.deepEqual(
      again.map(({ kind }) => kind),
      ['answer', 'answer'],
    );
  });

  it('refuses a frame that no worker takes, and keeps the connection', async () => {
    const { client } = await startClient(
      cleanups,
      {},
      { limits: { inputBytes: 1_000, workerQueueBytes: 1_000 } },
    );
    const data = new Uint8Array(2 * 1024 * 1024);
    const large = {
      ...workerRequest(),
      tensors: [{ name: 'X', datatype: 'UINT8' as const, shape: [data.length], data }],
    };
    const outcome = await client.send(large, new Caller());
    assert.equal(outcome.kind, 'too_large');
    assert.equal(await valueOf(client.send(workerRequest({ value: 3 }), new Caller())), 3);
  });

  it('counts what a worker that does not read leaves in the socket, past its deadline too', async () => {
    const { worker, client } = await startClient(
      cleanups,
      {},
      { limits: { workerQueueBytes: 8 * 1024 * 1024 } },
    );
    for (const socket of worker.sockets) socket.pause();
    const data = new Uint8Array(4 * 1024 * 1024);
    const tensors = [{ name: 'X', datatype: 'UINT8' as const, shape: [data.length], data }];
    const kinds: string[] = [];
    while (kinds.length < 20 && kinds.at(-1) !== 'full') {
      kinds.push((await client.send({ ...workerRequest({ timeoutMs: 20 }), tensors }, new Caller())).kind);
    }
    assert.deepEqual(new Set(kinds), new Set(['deadline', 'full']));
  });
});
