import assert from 'node:assert/strict';
import { IncomingMessage, ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { FastifyReply } from 'fastify';
import { Caller } from '../../../src/router/caller.ts';
import { watchCaller } from '../../../src/router/request-options.ts';
import { type FakeAnswer, sumRows } from '../../support/fake-worker.ts';
import { Happening } from '../../support/happening.ts';
import { ROWS, startRouterHttp } from '../../support/router-http.ts';

const CHURN = '/v1/tenants/acme/models/churn:predict';
const BROKEN = '{"instances": [';
const OIP = {
  inputs: [{ name: 'X', datatype: 'FP32', shape: [2, 2], data: [1, 2, 3, 4] }],
};

describe('a router under one tenant’s flood', () => {
  let http: Awaited<ReturnType<typeof startRouterHttp>>;
  beforeEach(async () => {
    http = await startRouterHttp({ workerQueueRequests: 4 });
  });
  afterEach(() => http.close());

  it('refuses more of it before the body is read, tells when to come back, and serves the others', async () => {
    const asked = new Happening();
    const held: (() => void)[] = [];
    http.levers.onRequest = (frame, answer: FakeAnswer) => {
      if (frame.key.startsWith('default/')) return sumRows(frame, answer);
      held.push(() => sumRows(frame, answer));
      asked.happen();
    };
    const { origin } = http.app;
    const json = { 'content-type': 'application/json' };
    const flood = [1, 2].map(() =>
      fetch(`${origin}${CHURN}`, { method: 'POST', headers: json, body: JSON.stringify(ROWS) }),
    );
    await asked.times(2);
    for (const path of [CHURN, '/v1/tenants/acme:predict', '/v2/models/acme.churn/infer']) {
      const refused = await http.call('POST', path, BROKEN);
      assert.equal(refused.status, 503);
      assert.equal(refused.headers['x-shoal-error'], 'OVERLOADED');
      assert.ok(Number(refused.headers['retry-after']) >= 1);
    }
    const shed = await http.app.metrics.getSingleMetric('shoal_router_requests_shed_total')?.get();
    assert.equal(shed?.values[0]?.value, 3);
    const quiet = await http.call('POST', '/v2/models/plain/infer', OIP);
    assert.equal(quiet.status, 200);
    for (const answer of held) answer();
    assert.deepEqual(
      (await Promise.all(flood)).map(({ status }) => status),
      [200, 200],
    );
    assert.equal((await http.call('POST', CHURN, BROKEN)).status, 400, 'read again, now that there is room');
  });

  it('tells of a wrong header or name first', async () => {
    const headers = { 'content-type': 'application/json', 'x-request-timeout-ms': 'soon' };
    assert.equal((await http.call('POST', CHURN, ROWS, headers)).json.error?.code, 'INVALID_REQUEST');
    const unknown = await http.call('POST', '/v1/tenants/acme/models/nope:predict', ROWS);
    assert.equal(unknown.json.error?.code, 'MODEL_NOT_FOUND');
  });
});

it('a caller who left while the body was parsed is known to be gone', () => {
  const raw = new ServerResponse(new IncomingMessage(new Socket()));
  raw.destroy();
  const caller = new Caller();
  watchCaller({ raw } as unknown as FastifyReply, caller);
  assert.equal(caller.isGone, true);
});
