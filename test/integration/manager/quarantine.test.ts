import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { Digest } from '../../../src/core/ids.ts';
import { modelKey } from '../../../src/wire/model-key.ts';
import { distinctModel } from '../../support/distinct-models.ts';
import { call, type ManagerApp, startManagerApp } from '../../support/manager-app.ts';

let app: ManagerApp;
before(async () => {
  app = await startManagerApp();
});
after(() => app.close());

const MODEL = '/v1/tenants/acme/models/churn';
const errorOf = (body: unknown) => (body as { error?: { code: string; message: string } }).error;

async function register(version: string, query = '') {
  const headers = { 'content-type': 'application/octet-stream' };
  const { body } = await call(app, 'PUT', `${MODEL}/versions/${version}${query}`, distinctModel(1), headers);
  const artifact = await app.registry.version('acme', 'churn', version);
  const digest = artifact?.artifact.preparedDigest as Digest;
  return { body, key: modelKey({ tenant: 'acme', model: 'churn', version, digest }) };
}

describe('quarantine', () => {
  it('is not for a model that was beside one culprit after the other', async () => {
    const hot = await register('hot', '?activate=true');
    for (const version of ['a', 'b', 'c', 'd']) {
      const { key } = await register(version);
      const crashed = (crash: string, ...keys: string[]) =>
        app.manager.strikes.crashed(
          `${version} ${crash}`,
          keys.map((one) => ({ key: one, reason: 'crashed' })),
        );
      assert.deepEqual(await crashed('first', hot.key, key), []);
      assert.equal((await call(app, 'GET', `${MODEL}/versions/hot`)).body['strikes'], 1);
      assert.deepEqual(await crashed('second', key), []);
      assert.deepEqual(await crashed('third', key), [key]);
      assert.deepEqual(await crashed('on its way', hot.key, key), [key]);
    }
    const shown = (await call(app, 'GET', `${MODEL}/versions/hot`)).body;
    assert.equal(shown['strikes'], 0);
    assert.equal(shown['quarantine'], undefined);
    await call(app, 'DELETE', MODEL);
  });

  it('is shown with its reason, refuses traffic, and an operator lifts it', async () => {
    await register('1', '?activate=true');
    const { key, body } = await register('2');
    assert.equal(body['strikes'], 0);
    const crashed = (crash: string, reason = 'crashed') =>
      app.manager.strikes.crashed(crash, [{ key, reason }]);
    assert.deepEqual(await Promise.all(['a', 'b'].map((crash) => crashed(crash))), [[], []]);
    assert.equal((await call(app, 'GET', `${MODEL}/versions/2`)).body['strikes'], 2);
    assert.deepEqual(await crashed('c', 'crashed its worker while it ran (SIGFPE)'), [key]);

    const shown = (await call(app, 'GET', `${MODEL}/versions/2`)).body;
    const quarantine = shown['quarantine'] as { reason: string; since: string };
    assert.equal(quarantine.reason, 'crashed its worker while it ran (SIGFPE)');
    assert.ok(Date.parse(quarantine.since) <= Date.now());
    assert.equal(shown['strikes'], 3);
    const model = (await call(app, 'GET', MODEL)).body;
    assert.deepEqual(model['quarantined'], [{ version: '2', ...quarantine }]);
    assert.deepEqual((await register('2')).body['quarantine'], quarantine);

    const refused = await call(app, 'PUT', `${MODEL}/traffic`, { stable: '2' });
    assert.equal(refused.status, 422);
    assert.equal(errorOf(refused.body)?.code, 'MODEL_QUARANTINED');
    assert.match(errorOf(refused.body)?.message ?? '', /SIGFPE.*2:liftQuarantine/);
    assert.equal(errorOf((await register('2', '?activate=true')).body)?.code, 'MODEL_QUARANTINED');
    assert.equal(app.warmed.length, 0, 'it is not loaded anywhere');

    const lifted = await call(app, 'POST', `${MODEL}/versions/2:liftQuarantine`);
    assert.equal(lifted.status, 200);
    assert.equal(lifted.body['quarantine'], undefined);
    assert.equal(lifted.body['strikes'], 0);
    assert.deepEqual(lifted.body, (await call(app, 'GET', `${MODEL}/versions/2`)).body);
    assert.equal((await call(app, 'PUT', `${MODEL}/traffic`, { stable: '2' })).status, 200);
  });

  it('can only be lifted of a version that there is, by POST', async () => {
    const lift = (path: string, method = 'POST') => call(app, method, `${path}:liftQuarantine`);
    assert.equal(errorOf((await lift(`${MODEL}/versions/9`)).body)?.code, 'VERSION_NOT_FOUND');
    assert.equal(
      errorOf((await lift('/v1/tenants/acme/models/none/versions/1')).body)?.code,
      'MODEL_NOT_FOUND',
    );
    assert.equal(
      errorOf((await lift('/v1/tenants/none/models/m/versions/1')).body)?.code,
      'TENANT_NOT_FOUND',
    );
    assert.equal((await lift(`${MODEL}/versions/2`, 'GET')).status, 405);
    assert.equal((await lift(`${MODEL}/versions/2`, 'PUT')).status, 405);
  });
});

describe("a model's settings", () => {
  it('are set and shown', async () => {
    await register('1');
    const set = await call(app, 'PUT', MODEL, { minCopies: 2 });
    assert.equal(set.status, 200);
    assert.deepEqual(set.body['settings'], { minCopies: 2 });
    assert.deepEqual((await call(app, 'GET', MODEL)).body, set.body);
    assert.deepEqual((await call(app, 'PUT', MODEL, { minCopies: 0 })).body['settings'], { minCopies: 0 });
  });

  it('are refused when they make no sense, by name', async () => {
    await register('1');
    await call(app, 'PUT', '/v1/tenants/acme', { shardSize: 3 });
    const cases: [unknown, RegExp][] = [
      [{ minCopies: 4 }, /minCopies must be a whole number from 0 to 3.*got 4/],
      [{ minCopies: -1 }, /got -1/],
      [{ minCopies: 1.5 }, /got 1.5/],
      [{ minCopies: '1' }, /got the text "1"/],
      [{}, /got nothing/],
      [{ minCopies: 1, maxCopies: 2 }, /unknown member "maxCopies"/],
      [[], /must be an object/],
      [null, /must be an object/],
    ];
    for (const [body, message] of cases) {
      const answer = await call(app, 'PUT', MODEL, body);
      assert.equal(answer.status, 400, JSON.stringify(body));
      assert.equal(errorOf(answer.body)?.code, 'INVALID_REQUEST');
      assert.match(errorOf(answer.body)?.message ?? '', message);
    }
    assert.equal((await call(app, 'PUT', MODEL, { minCopies: 3 })).status, 200);
    const missing = await call(app, 'PUT', '/v1/tenants/acme/models/none', { minCopies: 1 });
    assert.equal(errorOf(missing.body)?.code, 'MODEL_NOT_FOUND');
  });
});
