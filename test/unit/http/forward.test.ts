import assert from 'node:assert/strict';
import {
  Agent,
  createServer,
  type IncomingMessage,
  request as httpRequest,
  type Server,
  type ServerResponse,
} from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, describe, it, test } from 'node:test';
import type { FastifyInstance } from 'fastify';
import { pino } from 'pino';
import { Registry } from 'prom-client';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { createForwarder } from '../../../src/http/forward.ts';
import { createHttpServer } from '../../../src/http/server.ts';

/** What the leader saw of each request, and an answer that a test scripts. */
let leader: Server;
let leaderAddress: string | undefined;
let onLeader = (): void => undefined;
let follower: FastifyInstance;
let origin: string;
let caughtUp = 0;
let onRequest: Parameters<typeof createServer>[1];

before(async () => {
  leader = createServer((request, response) => onRequest?.(request as never, response as never));
  await new Promise<void>((resolve) => leader.listen(0, '127.0.0.1', resolve));
  const forwarder = createForwarder({
    leader: () => leaderAddress,
    watch: (onChange) => {
      onLeader = onChange;
      return () => undefined;
    },
    isForwarded: ({ method }) => method !== 'GET',
    caughtUp: async () => {
      caughtUp++;
    },
    limits: { ...DEFAULT_LIMITS, forwardLostMs: 10, forwardRequests: 4 },
  });
  follower = createHttpServer({
    limits: DEFAULT_LIMITS,
    logger: pino({ level: 'silent' }),
    metrics: new Registry(),
    logRequests: false,
    stopping: () => false,
  });
  await follower.register(async (app) => {
    app.addHook('onRequest', forwarder.hook);
    app.get('/here', async () => ({ here: true }));
    app.put('/thing', async () => ({ never: true }));
    app.post('/stream', async () => ({ never: true }));
  });
  follower.addHook('onClose', () => forwarder.close());
  origin = await follower.listen({ port: 0, host: '127.0.0.1' });
});

after(async () => {
  await follower.close();
  leader.closeAllConnections();
  await new Promise((resolve) => leader.close(resolve));
});

function leading(handler: NonNullable<typeof onRequest>): void {
  leaderAddress = `http://127.0.0.1:${(leader.address() as AddressInfo).port}`;
  onRequest = handler;
  caughtUp = 0;
}

test('a change goes to the leader as it came and its answer comes back as it was', async () => {
  let seen: { url: string | undefined; type: string | undefined; body: string; id: unknown } | undefined;
  leading((request, response) => {
    let body = '';
    request
      .on('data', (chunk) => (body += chunk))
      .on('end', () => {
        seen = {
          url: request.url,
          type: request.headers['content-type'],
          body,
          id: request.headers['x-request-id'],
        };
        response.writeHead(201, { 'content-type': 'application/json', etag: '"7"', connection: 'close' });
        response.end('{"revision":7}');
      });
  });
  const answer = await fetch(`${origin}/thing?activate=true`, {
    method: 'PUT',
    headers: { 'content-type': 'multipart/form-data; boundary=x', 'x-request-id': 'abc' },
    body: '--x--',
  });
  assert.equal(answer.status, 201);
  assert.equal(answer.headers.get('etag'), '"7"');
  assert.deepEqual(await answer.json(), { revision: 7 });
  assert.deepEqual(seen, {
    url: '/thing?activate=true',
    type: 'multipart/form-data; boundary=x',
    body: '--x--',
    id: 'abc',
  });
  assert.equal(caughtUp, 1);
});

test('an answer that begins before the request ends comes through at once, and its end waits for the table', async () => {
  leading((request, response) => {
    response.writeHead(200, { 'content-type': 'application/x-ndjson' });
    request.on('data', (chunk) => response.write(`got ${chunk}`));
    request.on('end', () => response.end('end\n'));
  });
  const call = httpRequest(`${origin}/stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/x-ndjson', 'transfer-encoding': 'chunked' },
  });
  call.write('one\n');
  const lines: string[] = [];
  const response = await new Promise<IncomingMessage>((resolve) => call.once('response', resolve));
  for await (const chunk of response) {
    lines.push(String(chunk));
    if (lines.length === 1) {
      assert.equal(caughtUp, 0);
      call.end('two\n');
    }
  }
  assert.equal(lines.join(''), 'got one\ngot two\nend\n');
  assert.equal(caughtUp, 1);
});

test('a refusal waits for nothing', async () => {
  leading((_request, response) => {
    response.writeHead(409, { 'content-type': 'application/json', 'x-shoal-error': 'IN_USE' });
    response.end('{"error":{"code":"IN_USE"}}');
  });
  const answer = await fetch(`${origin}/thing`, { method: 'PUT', body: '{}' });
  assert.equal(answer.status, 409);
  assert.equal(answer.headers.get('x-shoal-error'), 'IN_USE');
  assert.equal(caughtUp, 0);
});

test('what is not forwarded is answered here', async () => {
  leading(() => assert.fail('the leader was asked'));
  assert.deepEqual(await (await fetch(`${origin}/here`)).json(), { here: true });
});

test('with no leader, or one that is away or passes on as well, a change is 503 and may be tried again', async () => {
  leaderAddress = undefined;
  const none = await fetch(`${origin}/thing`, { method: 'PUT', body: '{}' });
  assert.equal(none.status, 503);
  assert.equal(none.headers.get('retry-after'), '1');
  leaderAddress = 'http://127.0.0.1:1';
  const away = await fetch(`${origin}/thing`, { method: 'PUT', body: '{}' });
  assert.equal(away.headers.get('x-shoal-error'), 'STORE_UNAVAILABLE');
  assert.match(await away.text(), /nothing was changed/);
  leaderAddress = origin;
  const circle = await fetch(`${origin}/thing`, { method: 'PUT', body: '{}' });
  assert.match(((await circle.json()) as { error: { message: string } }).error.message, /changing hands/);
});

test('a caller that goes away takes its request to the leader with it', async () => {
  const cut = Promise.withResolvers<void>();
  const asked = Promise.withResolvers<void>();
  leading((_request, response) => {
    response.on('close', () => cut.resolve());
    asked.resolve();
  });
  const gone = new AbortController();
  const answer = fetch(`${origin}/thing`, { method: 'PUT', body: '{}', signal: gone.signal });
  await asked.promise;
  gone.abort();
  await assert.rejects(answer);
  await cut.promise;
});

test('a leader that has lost the lead and does not answer is not waited for', async () => {
  const asked = Promise.withResolvers<void>();
  leading(() => asked.resolve());
  const answer = fetch(`${origin}/thing`, { method: 'PUT', body: '{}' });
  await asked.promise;
  leaderAddress = 'http://127.0.0.1:1';
  onLeader();
  assert.equal((await answer).status, 503);
  assert.match(await (await answer).text(), /lost the lead.*whether the change was made is not known/);
});

describe('whoever is still sending when the answer is there gets it, and may go on with the connection', () => {
  const cases: readonly (readonly [string, number, () => void])[] = [
    [
      'the leader can not be reached',
      503,
      () => {
        leaderAddress = 'http://127.0.0.1:1';
      },
    ],
    [
      'the leader dies',
      503,
      () => leading((request) => request.once('data', () => request.socket.destroy())),
    ],
    [
      'the leader refuses early',
      413,
      () =>
        leading((request, response) => {
          request.once('data', () => response.writeHead(413, { 'content-length': '0' }).end());
        }),
    ],
  ];
  for (const [name, status, begin] of cases) {
    it(name, async () => {
      begin();
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const call = httpRequest(`${origin}/thing`, { method: 'PUT', agent });
      call.write(Buffer.alloc(64 * 1024));
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        call.once('response', resolve).once('error', reject);
      });
      assert.equal(response.statusCode, status);
      call.end(Buffer.alloc(1024 * 1024));
      response.resume();
      await new Promise((resolve) => response.once('end', resolve));
      const next = httpRequest(`${origin}/here`, { agent });
      next.end();
      const answer = await new Promise<IncomingMessage>((resolve, reject) => {
        next.once('response', resolve).once('error', reject);
      });
      assert.equal(answer.statusCode, 200);
      assert.ok(next.reusedSocket);
      agent.destroy();
    });
  }
});

test('more requests than may wait for the leader are refused at once, and room comes back', async () => {
  const waiting: ServerResponse[] = [];
  const all = Promise.withResolvers<void>();
  leading((_request, response) => {
    waiting.push(response);
    if (waiting.length === 4) all.resolve();
  });
  const put = () => fetch(`${origin}/thing`, { method: 'PUT', body: '{}' });
  const first = Array.from({ length: 4 }, put);
  await all.promise;
  const refused = await put();
  assert.equal(refused.status, 503);
  assert.equal(refused.headers.get('x-shoal-error'), 'OVERLOADED');
  assert.equal(refused.headers.get('retry-after'), '1');
  for (const response of waiting) response.end();
  for (const answer of await Promise.all(first)) assert.equal(answer.status, 200);
  leading((_request, response) => response.end());
  assert.equal((await put()).status, 200);
});
