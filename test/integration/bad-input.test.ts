import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { request } from 'undici';
import { BAD_REGISTRATIONS } from '../support/bad-registrations.ts';
import { BAD_PREDICTIONS, type BadRequest, CHURN, named } from '../support/bad-requests.ts';
import { type RunningShoal, startShoal } from '../support/shoal.ts';

/** Every way a request can be wrong, through the real server: each gets its code, status and a message that helps. */
let shoal: RunningShoal;
before(async () => {
  shoal = await startShoal(['--limit', 'bodyTimeoutMs=2000']);
});
after(async () => {
  await shoal[Symbol.asyncDispose]();
});

const JSON_TYPE = { 'content-type': 'application/json' };
describe('bad input', () => {
  for (const wrong of [...BAD_PREDICTIONS, ...BAD_REGISTRATIONS]) {
    it(`${wrong.name}: ${wrong.status} ${wrong.code}`, async () => {
      const answer = await send(wrong);
      const text = await answer.body.text();
      assert.equal(answer.statusCode, wrong.status, text);
      assert.equal(answer.headers['x-shoal-error'], wrong.code);
      assert.ok(answer.headers['x-request-id']);
      const { error } = JSON.parse(text) as { error: { code: string; message: string; details?: unknown } };
      assert.equal(error.code, wrong.code);
      assert.match(error.message + JSON.stringify(error.details ?? ''), wrong.says);
      if (wrong.status === 405)
        assert.match(error.message, new RegExp(`only ${String(answer.headers['allow'])}$`));
    });
  }

  it('a body that never ends: 408 REQUEST_TIMEOUT', async () => {
    const answer = await raw(
      `POST ${CHURN} HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"inst`,
    );
    assert.match(answer, /^HTTP\/1\.1 408 /);
    assert.match(answer, /REQUEST_TIMEOUT/);
  });

  it('headers over the limit: 413 TOO_LARGE', async () => {
    const answer = await raw(`GET /livez HTTP/1.1\r\nhost: x\r\nx-long: ${'a'.repeat(20_000)}\r\n\r\n`);
    assert.match(answer, /^HTTP\/1\.1 413 /);
    assert.match(answer, /TOO_LARGE/);
  });

  it('what is not HTTP: 400 INVALID_REQUEST', async () => {
    assert.match(await raw('hello there\r\n\r\n'), /^HTTP\/1\.1 400 [^]*INVALID_REQUEST/);
  });

  it('still serves after all that', async () => {
    const answer = await send({ method: 'POST', path: CHURN, headers: {}, body: { instances: [named] } });
    assert.equal(answer.statusCode, 200, await answer.body.text());
  });
});

function send({ method, path, body, headers }: Pick<BadRequest, 'method' | 'path' | 'body' | 'headers'>) {
  const isBytes = typeof body === 'string' || body instanceof Buffer;
  const payload = body === undefined ? {} : { body: isBytes ? body : JSON.stringify(body) };
  const type = body === undefined ? {} : JSON_TYPE;
  return request(shoal.origin + path, { method, headers: { ...type, ...headers }, ...payload });
}

/** Writes bytes to the socket and resolves with all that comes back before the server closes or goes quiet with an answer. */
function raw(bytes: string): Promise<string> {
  const { hostname, port } = new URL(shoal.origin);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => socket.write(bytes));
    let answer = '';
    socket.on('data', (chunk: Buffer) => {
      answer += chunk.toString();
      if (/\r\n\r\n.*\}$/s.test(answer)) socket.destroy();
    });
    socket.on('error', reject).on('close', () => resolve(answer));
  });
}
