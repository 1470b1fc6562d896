import assert from 'node:assert/strict';
import { after, before, it } from 'node:test';
import { distinctModel } from '../../support/distinct-models.ts';
import { call, type ManagerApp, startManagerApp } from '../../support/manager-app.ts';

let app: ManagerApp;
before(async () => {
  app = await startManagerApp({
    async warm(_tenant, _model, { key }) {
      if (key.includes('/broken@')) throw new Error('no worker could load it');
    },
  });
});
after(() => app.close());

const MODEL = '/v1/tenants/acme/models/churn';
const register = (version: string, query = '') =>
  call(app, 'PUT', `${MODEL}/versions/${version}${query}`, distinctModel(1), {
    'content-type': 'application/octet-stream',
  });
const traffic = (body: unknown, headers = {}) => call(app, 'PUT', `${MODEL}/traffic`, body, headers);
const errorOf = (body: unknown) => (body as { error: { code: string; message: string } }).error;

it('a version is warmed where the stable one is resident before traffic turns to it', async () => {
  assert.equal((await register('1', '?activate=true')).body['activated'], true);
  assert.equal(app.warmed.length, 0);
  for (const version of ['2', '3', 'broken']) await register(version);
  const set = await traffic({ stable: '1', canary: { version: '2', percent: 5 }, shadow: null });
  assert.equal(set.status, 200);
  assert.deepEqual(set.body, {
    stable: '1',
    canary: { version: '2', percent: 5 },
    revision: set.body['revision'],
  });
  assert.equal(set.headers.get('etag'), `"${String(set.body['revision'])}"`);
  const [tenant, model, target] = app.warmed[0] ?? [];
  assert.deepEqual([tenant, model], ['acme', 'churn']);
  assert.match(target?.key ?? '', /^acme\/churn\/2@sha256:/);
  assert.match(target?.replacing ?? '', /^acme\/churn\/1@sha256:/);
  assert.ok((target?.residentBytes ?? 0) > 0);

  await traffic({ stable: '2' });
  assert.equal(app.warmed.length, 1, 'what serves already is warm');
  await register('3', '?activate=true');
  assert.match(app.warmed[1]?.[2].key ?? '', /churn\/3@/);
  assert.deepEqual((await call(app, 'GET', `${MODEL}/traffic`)).body['stable'], '3');
});

it('the flip goes on when warming fails', async () => {
  const { status, body } = await traffic({ stable: 'broken' });
  assert.equal(status, 200);
  assert.equal(body['stable'], 'broken');
  const text = await app.metrics.getSingleMetricAsString('shoal_manager_warm_failures_total');
  assert.match(text, /shoal_manager_warm_failures_total 1/);
});

it('says of a version that is sent again whether it is stable now', async () => {
  await traffic({ stable: '1' });
  for (const [version, query, activated] of [
    ['1', '', true],
    ['1', '?activate=true', true],
    ['2', '', false],
    ['2', '?activate=true', true],
    ['1', '', false],
  ] as const) {
    const { status, body } = await register(version, query);
    assert.deepEqual([status, body['status'], body['activated']], [200, 'unchanged', activated]);
    assert.equal((await call(app, 'GET', `${MODEL}/versions/${version}`)).body['activated'], activated);
  }
  await traffic({ stable: '3' });
});

it('guards traffic by revision, and what is in traffic from deletion', async () => {
  const { body: now } = await call(app, 'GET', `${MODEL}/traffic`);
  const revision = now['revision'] as number;
  const stale = await traffic({ stable: '1' }, { 'if-match': `"${revision - 1}"` });
  assert.equal(stale.status, 409);
  assert.equal(errorOf(stale.body).code, 'REVISION_CONFLICT');
  assert.ok(errorOf(stale.body).message.includes(String(revision)));
  const set = await traffic({ stable: '1' }, { 'if-match': `"${revision}"` });
  assert.equal(set.status, 200);
  assert.equal(errorOf((await call(app, 'DELETE', `${MODEL}/versions/1`)).body).code, 'IN_USE');
  assert.equal((await call(app, 'DELETE', `${MODEL}/versions/2`)).status, 200);
  assert.equal(errorOf((await call(app, 'DELETE', `${MODEL}/versions/2`)).body).code, 'VERSION_NOT_FOUND');
  const gone = await traffic({ stable: '1', shadow: { version: '2', percent: 1 } });
  assert.equal(gone.status, 404);
  assert.match(errorOf(gone.body).message, /shadow.*"2"/);
});

it('says what is wrong with a traffic', async () => {
  const wrong: [unknown, string, RegExp][] = [
    [[], 'INVALID_REQUEST', /an object/],
    [{ stabel: '1' }, 'INVALID_REQUEST', /"stabel"/],
    [{ canary: '1' }, 'INVALID_REQUEST', /canary must be an object/],
    [{ canary: { version: '1', percent: 101 } }, 'INVALID_REQUEST', /canary\.percent/],
    [{ shadow: { version: '1' } }, 'INVALID_REQUEST', /shadow\.percent/],
    [{ stable: 'canary' }, 'INVALID_NAME', /label/],
    [{ stable: 1 }, 'INVALID_NAME', /version/],
  ];
  for (const [body, code, message] of wrong) {
    const answer = await traffic(body);
    assert.equal(answer.status, 400);
    assert.equal(errorOf(answer.body).code, code);
    assert.match(errorOf(answer.body).message, message);
  }
  assert.equal(errorOf((await traffic({}, { 'if-match': 'yesterday' })).body).code, 'INVALID_REQUEST');
});

it('lists, finds and deletes models and tenants', async () => {
  await call(app, 'PUT', '/v1/tenants/beta', { shardSize: 2, weight: 1.5, labels: { plan: 'gold' } });
  const tenants = await call<{ tenants: { tenant: string }[]; nextPageToken: string }>(
    app,
    'GET',
    '/v1/tenants?pageSize=1',
  );
  assert.deepEqual(
    tenants.body.tenants.map((each) => each.tenant),
    ['acme'],
  );
  const rest = await call(app, 'GET', `/v1/tenants?pageToken=${tenants.body.nextPageToken}`);
  assert.deepEqual(rest.body, {
    tenants: [
      {
        tenant: 'beta',
        settings: { shardSize: 2, weight: 1.5, labels: { plan: 'gold' } },
        revision: (rest.body['tenants'] as { revision: number }[])[0]?.revision,
      },
    ],
  });
  assert.deepEqual((await call(app, 'GET', '/v1/tenants/acme/models')).body, {
    models: [{ model: 'churn', stable: '1', versions: 3 }],
  });
  assert.deepEqual((await call(app, 'GET', '/v1/tenants/beta/models')).body, { models: [] });
  const model = await call(app, 'GET', MODEL);
  assert.deepEqual(model.body['versions'], ['1', '3', 'broken']);
  const unknown: [string, string, string][] = [
    ['GET', '/v1/tenants/nobody', 'TENANT_NOT_FOUND'],
    ['DELETE', '/v1/tenants/nobody', 'TENANT_NOT_FOUND'],
    ['GET', '/v1/tenants/nobody/models', 'TENANT_NOT_FOUND'],
    ['GET', '/v1/tenants/nobody/models/x', 'TENANT_NOT_FOUND'],
    ['GET', '/v1/tenants/acme/models/x', 'MODEL_NOT_FOUND'],
    ['DELETE', '/v1/tenants/acme/models/x', 'MODEL_NOT_FOUND'],
    ['GET', '/v1/tenants/acme/models/x/traffic', 'MODEL_NOT_FOUND'],
    ['GET', `${MODEL}/versions/9`, 'VERSION_NOT_FOUND'],
    ['GET', `${MODEL}/versions/9/artifact`, 'VERSION_NOT_FOUND'],
    ['GET', '/v1/tenants/NO/models', 'INVALID_NAME'],
    ['GET', '/v1/tenants?pageSize=0', 'INVALID_REQUEST'],
  ];
  for (const [method, url, code] of unknown) {
    assert.equal(errorOf((await call(app, method, url)).body).code, code, `${method} ${url}`);
  }
  const settings = await call(app, 'PUT', '/v1/tenants/beta', { shardSize: 0, colour: 'red' });
  assert.equal(errorOf(settings.body).code, 'INVALID_REQUEST');
  assert.equal((await call(app, 'DELETE', MODEL)).status, 200);
  assert.equal((await call(app, 'DELETE', '/v1/tenants/acme')).status, 200);
  assert.equal(errorOf((await register('1')).body).code, 'TENANT_DELETED');
  await call(app, 'PUT', '/v1/tenants/acme', {});
  assert.equal((await register('1')).status, 201);
});
