import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { sumRows } from '../../support/fake-worker.ts';
import { Happening } from '../../support/happening.ts';
import { ROWS, startRouterHttp } from '../../support/router-http.ts';

type Http = Awaited<ReturnType<typeof startRouterHttp>>;

describe('/v1 of a router', () => {
  let http: Http;
  const call: Http['call'] = (...request) => http.call(...request);
  before(async () => {
    http = await startRouterHttp();
  });
  after(() => http.close());

  it('predicts, with the answer and headers that the API promises', async () => {
    const { status, headers, json } = await call('POST', '/v1/tenants/acme/models/churn:predict', ROWS, {
      'content-type': 'application/json',
      'x-request-id': 'abc',
    });
    assert.equal(status, 200);
    assert.deepEqual(json, {
      predictions: [{ Y: 3 }, { Y: 7 }],
      model: 'acme/churn',
      version: '1',
      requestId: 'abc',
    });
    assert.equal(headers['x-shoal-version'], '1');
    assert.equal(headers['x-shoal-worker'], 'w1');
    assert.equal(headers['x-shoal-cold'], undefined);
    assert.equal(headers['server-timing'], 'queue;dur=0.01, load;dur=0, run;dur=0.02');
    assert.equal(headers['x-request-id'], 'abc');
    assert.match(String(headers['content-type']), /^application\/json/);
  });

  it('says when a request waited for a load', async () => {
    http.levers.onRequest = (frame, answer) => sumRows(frame, answer, { cold: true, loadUs: 1_500 });
    const { headers } = await call('POST', '/v1/tenants/acme/models/churn:predict', ROWS);
    http.levers.onRequest = sumRows;
    assert.equal(headers['x-shoal-cold'], 'true');
    assert.match(String(headers['server-timing']), /load;dur=1\.5/);
  });

  it('finds models whose names hold dots, and refuses names that break the rule', async () => {
    const status = async (path: string) => {
      const answer = await call('POST', path, ROWS);
      return [answer.status, answer.json.error?.code];
    };
    assert.deepEqual(await status('/v1/tenants/acme/models/v1.2.3-x:predict'), [200, undefined]);
    assert.deepEqual(await status('/v1/tenants/acme/models/churn%3Apredict'), [200, undefined]);
    for (const name of ['a%2fb', '..', '%2e%2e', 'x%0a', '%C3%BC', '__proto__', 'a'.repeat(200)]) {
      const path = `/v1/tenants/acme/models/${name}:predict`;
      assert.deepEqual(await status(path), [400, 'INVALID_NAME'], name);
      assert.deepEqual(await status(`/v1/tenants/${name}/models/churn:predict`), [400, 'INVALID_NAME'], name);
    }
    assert.deepEqual(await status('/v1/tenants/ACME/models/churn:predict'), [400, 'INVALID_NAME']);
    assert.deepEqual(await status('/v1/tenants/nobody/models/churn:predict'), [404, 'TENANT_NOT_FOUND']);
    assert.deepEqual(await status('/v1/tenants/acme/models/none:predict'), [404, 'MODEL_NOT_FOUND']);
    assert.deepEqual(await status('/v1/tenants/acme/models/constructor:predict'), [404, 'MODEL_NOT_FOUND']);
    assert.deepEqual(await status('/v1/tenants/acme/models/idle:predict'), [404, 'NO_TRAFFIC']);
    assert.deepEqual(await status('/v1/tenants/acme/models/churn:explain'), [404, 'ROUTE_NOT_FOUND']);
    assert.deepEqual(await status('/v1/tenants/acme/models/churn:predict?version=9'), [
      404,
      'VERSION_NOT_FOUND',
    ]);
    assert.deepEqual(await status('/v1/tenants/acme/models/idle:predict?version=1'), [200, undefined]);
    assert.deepEqual(await status('/v1/tenants/acme/models/churn:predict?version=1&version=2'), [
      400,
      'INVALID_REQUEST',
    ]);
  });

  it('splits traffic by chance or by routing key, and lets a caller pin', async () => {
    const version = async (query: string, key?: string) => {
      const headers = {
        'content-type': 'application/json',
        ...(key === undefined ? {} : { 'x-routing-key': key }),
      };
      const { json } = await call('POST', `/v1/tenants/acme/models/split:predict${query}`, ROWS, headers);
      return json.version ?? 'none';
    };
    http.levers.point = 0.19;
    assert.equal(await version(''), '2');
    http.levers.point = 0.21;
    assert.equal(await version(''), '1');
    assert.equal(await version('?version=canary'), '2');
    assert.equal(await version('?version=stable'), '1');
    assert.equal(await version('?version=3'), '3');
    const first = new Map<string, string>();
    for (const round of [1, 2]) {
      for (let index = 0; index < 30; index++) {
        const key = `user-${index}`;
        http.levers.point = round === 1 ? 0 : 0.99;
        const chosen = await version('', key);
        assert.equal(chosen, first.get(key) ?? chosen, 'sticky, whatever chance says');
        first.set(key, chosen);
      }
    }
    assert.deepEqual(new Set(first.values()), new Set(['1', '2']));
    http.levers.point = 0.5;
  });

  async function shadows(): Promise<number> {
    const metric = await http.app.metrics.getSingleMetric('shoal_router_shadow_requests_total')?.get();
    return metric?.values.find(({ labels }) => labels.outcome === 'sent')?.value ?? 0;
  }

  it('sends a share of what has been answered to the shadow, and nothing of its answers back', async () => {
    http.levers.point = 0.05;
    const asked = new Happening();
    http.levers.onRequest = (frame, answer) => {
      const isShadow = frame.key.startsWith('acme/split/3@');
      assert.equal(frame.background, isShadow);
      if (isShadow) asked.happen();
      sumRows(frame, answer);
    };
    const sent = await shadows();
    const { json } = await call('POST', '/v1/tenants/acme/models/split:predict', ROWS);
    assert.equal(json.version, '2');
    await asked.times(1);
    await call('POST', '/v1/tenants/acme/models/split:predict?version=1', ROWS);
    http.levers.point = 0.5;
    await call('POST', '/v1/tenants/acme/models/split:predict', ROWS);
    http.levers.onRequest = sumRows;
    assert.equal(await shadows(), sent + 1);
    assert.equal(asked.count, 1);
  });

  it('checks the timeout header, and answers by the deadline', async () => {
    const path = '/v1/tenants/acme/models/churn:predict';
    for (const timeout of ['0', '-1', '60001', '1.5', 'soon', '', '99999999999']) {
      const headers = { 'content-type': 'application/json', 'x-request-timeout-ms': timeout };
      const { status, json } = await call('POST', path, ROWS, headers);
      assert.deepEqual([status, json.error?.code], [400, 'INVALID_REQUEST'], timeout);
    }
    http.levers.onRequest = () => undefined;
    const headers = { 'content-type': 'application/json', 'x-request-timeout-ms': '30' };
    const { status, json } = await call('POST', path, ROWS, headers);
    http.levers.onRequest = sumRows;
    assert.deepEqual([status, json.error?.code, json.error?.retryable], [504, 'DEADLINE_EXCEEDED', true]);
  });

  it('tells the worker when the caller has gone', async () => {
    const asked = new Happening();
    let id = 0;
    http.levers.onRequest = (frame) => {
      ({ id } = frame);
      asked.happen();
    };
    const abort = new AbortController();
    const body = JSON.stringify(ROWS);
    const gone = fetch(`${http.app.origin}/v1/tenants/acme/models/churn:predict`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body,
      signal: abort.signal,
    });
    await asked.times(1);
    abort.abort();
    await assert.rejects(gone, { name: 'AbortError' });
    while (!http.worker.cancelled.includes(id)) await new Promise(setImmediate);
    http.levers.onRequest = sumRows;
    assert.equal(http.app.router.fleet.inFlight, 0);
  });

  it('passes on what a worker says of a failed request', async () => {
    http.levers.onRequest = (_frame, answer) => answer.fail('OVERLOADED', 'the queue is full');
    const { status, headers, json } = await call('POST', '/v1/tenants/acme/models/churn:predict', ROWS);
    http.levers.onRequest = sumRows;
    assert.deepEqual([status, json.error?.message], [503, 'the queue is full']);
    assert.equal(headers['retry-after'], '2');
    assert.equal(headers['x-shoal-error'], 'OVERLOADED');
  });

  it('refuses bodies that are no request', async () => {
    for (const body of [
      '[]',
      '3',
      'null',
      '{}',
      '{"instances":7}',
      '{"instances":[]}',
      '{"instances":[[1]]}',
    ]) {
      const { status } = await call('POST', '/v1/tenants/acme/models/churn:predict', body);
      assert.equal(status, 400, body);
    }
  });

  it('predicts with several models, each for itself', async () => {
    const { status, json } = await call('POST', '/v1/tenants/acme:predict', {
      models: ['churn', { model: 'split', version: '2' }, 'none', { model: 'churn', version: '9' }],
      ...ROWS,
    });
    assert.equal(status, 200);
    const predictions = [{ Y: 3 }, { Y: 7 }];
    assert.deepEqual(json.results?.slice(0, 2), [
      { model: 'churn', version: '1', predictions },
      { model: 'split', version: '2', predictions },
    ]);
    assert.deepEqual(
      json.results?.slice(2).map(({ error }) => error?.code),
      ['MODEL_NOT_FOUND', 'VERSION_NOT_FOUND'],
    );
    for (const models of [undefined, [], 'churn', [7], [{ model: 'churn', version: 1 }], ['a/b']]) {
      assert.equal((await call('POST', '/v1/tenants/acme:predict', { models, ...ROWS })).status, 400);
    }
    const entities = { models: ['churn'], entities: {}, ...ROWS };
    assert.equal((await call('POST', '/v1/tenants/acme:predict', entities)).status, 400);
    assert.equal((await call('POST', '/v1/tenants/nobody:predict', { models: ['a'], ...ROWS })).status, 404);
  });

  it('shows the workers and where a model is', async () => {
    const { json } = await call('GET', '/v1/workers');
    assert.equal(json.workers?.length, 1);
    const first = json.workers?.[0];
    assert.deepEqual([first?.id, first?.state, first?.zone, first?.weight], ['w1', 'ready', 'a', 1]);
    const placement = await call('GET', '/v1/tenants/acme/models/churn/placement');
    assert.deepEqual(placement.json, {
      tenant: 'acme',
      model: 'churn',
      shardSize: 8,
      workers: 1,
      shard: [
        {
          worker: 'w1',
          zone: 'a',
          rank: 0,
          reason: 'number 1 of zone a for the tenant, number 1 of its shard for the model',
          resident: true,
          versions: ['1'],
          history: placement.json.shard?.[0]?.history,
        },
      ],
    });
    assert.equal(
      (await call('GET', '/v1/tenants/acme/models/split/placement')).json.shard?.[0]?.resident,
      false,
    );
    assert.equal((await call('GET', '/v1/tenants/acme/models/none/placement')).status, 404);
  });

  it("tells what happened to a model's versions, and no other tenant's names", async () => {
    const { json } = await call('GET', '/v1/tenants/acme/models/churn/placement');
    const digest = `sha256:${'0'.repeat(64)}`;
    const gone = { digest, state: 'gone', residentBytes: 5, uses: 0, advice: 'More budget.' };
    const eviction = { at: '2030-01-01T00:00:00.000Z', reason: 'room', forBytes: 7 };
    assert.deepEqual(json.shard?.[0]?.history, [
      { version: '1', digest, state: 'resident', residentBytes: 5, uses: 3, advice: 'It stays.' },
      { version: '0', ...gone, eviction },
      { version: '00', ...gone, eviction: { ...eviction, for: `acme/own/1@${digest}` } },
    ]);
    assert.doesNotMatch(JSON.stringify(json), /stranger|secret/);
  });
});
