import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { after, before, test } from 'node:test';
import { encodeCancel, encodeFailure, FRAME_PATH, FRAME_PROTOCOL } from '../../../src/wire/frames.ts';
import { FrameClient, outputsOf } from '../../support/frame-client.ts';
import { ELEMENT, model, node, value } from '../../support/onnx-builder.ts';
import { loadCase, feedsOf } from '../../support/cases.ts';
import { startTestWorker, type TestWorker, TOKEN } from '../../support/worker-process.ts';

let worker: TestWorker;

before(async () => {
  worker = await startTestWorker();
});

after(() => worker.dispose());

test('without the token nothing is answered', async () => {
  for (const headers of [{}, { authorization: 'Bearer wrong' }, { authorization: TOKEN }]) {
    for (const path of ['/state', '/metrics', '/warm', '/nowhere']) {
      const response = await worker.call(path, { headers });
      assert.equal(response.status, 401);
    }
  }
  await assert.rejects(FrameClient.connect(worker.address, 'wrong'));
  await assert.rejects(FrameClient.connect(worker.address, ''));
});

test('an upgrade to something else is refused', async () => {
  for (const [path, protocol, refusal] of [
    ['/other', FRAME_PROTOCOL, /^HTTP\/1\.1 404 /],
    [FRAME_PATH, 'websocket', /^HTTP\/1\.1 426 [^]*upgrade: shoal-frames\/\d+\r\n/],
    [FRAME_PATH, 'shoal-frames/0', /^HTTP\/1\.1 426 /],
  ] as const) {
    const { hostname, port } = new URL(worker.address);
    const socket = connect(Number(port), hostname);
    socket.write(
      `GET ${path} HTTP/1.1\r\nhost: w\r\nconnection: upgrade\r\nupgrade: ${protocol}\r\nauthorization: Bearer ${TOKEN}\r\n\r\n`,
    );
    const [head] = (await once(socket, 'data')) as [Buffer];
    assert.match(head.toString(), refusal);
    await once(socket, 'close');
  }
});

test('malformed frames drop their connection and no other', async () => {
  const good = await FrameClient.connect(worker.address, TOKEN);
  const timings = { queueUs: 0, loadUs: 0, runUs: 0, cold: false, queueDelayUs: 0 };
  const unknownType = encodeCancel(1);
  unknownType[4] = 77;
  const malformed = [
    Buffer.from('GET / HTTP/1.1\r\n\r\n'),
    Buffer.alloc(32),
    Buffer.alloc(32, 0xff),
    unknownType,
    encodeFailure(1, { code: 'INTERNAL', message: 'x', retryAfterMs: 0 }, timings),
  ];
  for (const bytes of malformed) {
    const bad = await FrameClient.connect(worker.address, TOKEN);
    bad.socket.write(bytes);
    await bad.closed;
    await bad.close();
  }
  const key = await worker.add('stock-quantile');
  outputsOf(await good.ask({ key, tensors: feedsOf(loadCase('stock-quantile')) }));
  await good.close();
});

test('a peer that does not read is not read from, and loses nothing', async () => {
  const key = await worker.addBytes(
    model({
      input: [value('x', ELEMENT.uint8, ['N'])],
      output: [value('y', ELEMENT.uint8, ['N'])],
      node: [node('Identity', ['x'], ['y'])],
    }),
  );
  const slow = await FrameClient.connect(worker.address, TOKEN);
  const other = await FrameClient.connect(worker.address, TOKEN);
  const shape = [1024 * 1024];
  const ask = (client: FrameClient, fill: number) =>
    client.ask({
      key,
      tensors: [{ name: 'x', datatype: 'UINT8', shape, data: Buffer.alloc(shape[0] as number, fill) }],
    });
  // 30 MiB: more than any socket buffer holds, less than one tenant may have in the worker's queue.
  slow.socket.pause();
  const answers = Array.from({ length: 30 }, (_, fill) => ask(slow, fill));
  for (const fill of [1, 2, 3]) assert.equal(outputsOf(await ask(other, fill))[0]?.data[5], fill);
  slow.socket.resume();
  for (const [fill, answer] of (await Promise.all(answers)).entries()) {
    assert.equal(outputsOf(answer)[0]?.data.at(-1), fill);
  }
  await slow.close();
  await other.close();
});

test('state, metrics and warming answer; what they cannot take is refused', async () => {
  const key = await worker.add('churn-logreg');
  const warm = (body: unknown) =>
    worker.call('/warm', {
      method: 'POST',
      headers: { authorization: `Bearer ${TOKEN}` },
      body: typeof body === 'string' ? body : JSON.stringify(body),
    });
  const other = `acme/other/1@sha256:${'1'.repeat(64)}`;
  assert.deepEqual(await (await warm({ key, residentBytes: 1_000, ifResident: other })).json(), {
    loaded: false,
  });
  assert.deepEqual(await (await warm({ key, residentBytes: 1_000 })).json(), { loaded: true });
  assert.deepEqual(await (await warm({ key, residentBytes: 1_000, ifResident: key })).json(), {
    loaded: true,
  });
  assert.equal((await warm({ key: other, residentBytes: 1 })).status, 503);
  assert.equal((await warm({ key, residentBytes: 10 ** 15, extra: 1 })).status, 200);
  const tooBig = await warm({ key: other, residentBytes: 10 ** 15 });
  assert.equal(tooBig.status, 422);
  assert.match(await tooBig.text(), /needs 1000000000000000 bytes, the worker's whole budget is/);
  assert.equal((await warm('{')).status, 400);
  assert.equal((await warm('x'.repeat(70_000))).status, 413);
  assert.equal((await warm({ key: 'x', residentBytes: 1 })).status, 400);
  assert.equal((await warm({ key, residentBytes: -1 })).status, 400);
  assert.equal((await worker.call('/nowhere')).status, 404);
  const [tenant, model] = key.split('/');
  const state = (await (await worker.call(`/state?model=${tenant}/${model}`)).json()) as Record<
    string,
    unknown
  >;
  assert.equal(state.id, 'w1');
  assert.equal(state.state, 'ready');
  assert.deepEqual(state.keys, [key]);
  const none = (await (await worker.call(`/state?model=${tenant}/${model?.slice(0, -1)}`)).json()) as object;
  assert.deepEqual({ ...none, rssBytes: 0 }, { ...state, keys: [], history: [], rssBytes: 0 });
  assert.ok((await worker.metric('budget_bytes')) > 0);
});
