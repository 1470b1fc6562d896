import assert from 'node:assert/strict';
import type { Duplex } from 'node:stream';
import { after, before, describe, it } from 'node:test';
import type { RoutingState } from '../../../src/stores/registry/registry.ts';
import { sumRows } from '../../support/fake-worker.ts';
import { ROWS, startRouterHttp } from '../../support/router-http.ts';
import { routingState } from '../../support/routing-state.ts';

const quarantine = {
  reason: 'crashed its worker while it ran (SIGSEGV)',
  since: '2026-01-02T03:04:05.000Z',
};
const MESSAGE =
  /version "2" of acme\/\w+ is in quarantine since 2026-01-02T03:04:05\.000Z: it crashed .*SIGSEGV/;
const INFER = { inputs: [{ name: 'X', datatype: 'FP32', shape: [1, 2], data: [1, 2] }] };

/** Versions 1 and 2, of which 2 is in quarantine. */
function state(traffic: RoutingState['traffic']): RoutingState {
  const [bad] = routingState('2').versions;
  assert.ok(bad !== undefined);
  return { traffic, versions: [...routingState('1').versions, { ...bad, quarantine }] };
}

describe('a version in quarantine', () => {
  let http: Awaited<ReturnType<typeof startRouterHttp>>;
  const sent: string[] = [];
  before(async () => {
    http = await startRouterHttp();
    http.levers.onRequest = (frame, answer) => {
      sent.push(frame.key);
      sumRows(frame, answer);
    };
    const share = { version: '2', percent: 100 };
    const states = {
      stable: state({ stable: '2' }),
      canary: state({ stable: '1', canary: share }),
      shadow: state({ stable: '1', shadow: share }),
    };
    let revision = 0;
    for (const [model, one] of Object.entries(states)) {
      revision = http.app.registry.write({ kind: 'model', tenant: 'acme', model, state: one });
    }
    await http.app.router.reached(revision);
  });
  after(() => http.close());

  it('is refused with its reason before anything is sent to a worker, on every way in', async () => {
    const refused = async (path: string, body: object) => {
      const { status, json, headers } = await http.call('POST', path, body);
      assert.equal(status, 422, path);
      assert.equal(headers['x-shoal-error'], 'MODEL_QUARANTINED');
      return json;
    };
    const { error } = await refused('/v1/tenants/acme/models/stable:predict', ROWS);
    assert.match(error?.message ?? '', MESSAGE);
    assert.equal(error?.retryable, false);
    await refused('/v1/tenants/acme/models/canary:predict?version=2', ROWS);
    await refused('/v1/tenants/acme/models/canary:predict?version=canary', ROWS);
    const v2 = await refused('/v2/models/acme.stable/infer', INFER);
    assert.match(v2.error as unknown as string, MESSAGE);
    await refused('/v2/models/acme.canary/versions/2/infer', INFER);
    assert.deepEqual(sent, []);
  });

  it('fails alone among several models', async () => {
    const body = { ...ROWS, models: ['stable', 'churn'] };
    const { status, json } = await http.call('POST', '/v1/tenants/acme:predict', body);
    assert.equal(status, 200);
    assert.equal(json.results?.[0]?.error?.code, 'MODEL_QUARANTINED');
    assert.equal(json.results[1]?.version, '1');
  });

  it('is described by /v2, which says that it is not ready', async () => {
    const described = await http.call('GET', '/v2/models/acme.stable');
    assert.equal(described.status, 200);
    assert.equal((await http.call('GET', '/v2/models/acme.stable/ready')).status, 422);
    assert.equal((await http.call('GET', '/v2/models/acme.canary/ready')).status, 200);
  });

  it('as a canary leaves all traffic to the stable version, as a shadow gets no copies', async () => {
    sent.length = 0;
    for (const model of ['canary', 'shadow']) {
      const { status, json } = await http.call('POST', `/v1/tenants/acme/models/${model}:predict`, ROWS);
      assert.deepEqual([status, json.version], [200, '1']);
    }
    assert.equal(sent.length, 2);
    assert.ok(sent.every((key) => key.includes('/1@')));
    assert.equal(http.app.router.fleet.inFlight, 0, 'no copy is under way');
  });

  it('that it got into while a request was under way keeps that request from the next worker', async () => {
    const { registry, members, router } = http.app;
    const model = { kind: 'model' as const, tenant: 'acme', model: 'poison' };
    await router.reached(registry.write({ ...model, state: routingState('1') }));
    const [version] = routingState('1').versions;
    assert.ok(version !== undefined);
    const keys: string[] = [];
    const die = async (socket: Duplex, key: string): Promise<void> => {
      keys.push(key);
      socket.destroy();
      if (keys.length === 3) {
        const versions = [{ ...version, quarantine }];
        await router.reached(registry.write({ ...model, state: { traffic: { stable: '1' }, versions } }));
      }
      members.died({ worker: 'w1', atWork: [key] });
    };
    http.levers.onRequest = ({ key }, { socket }) => void die(socket, key);
    const path = '/v1/tenants/acme/models/poison:predict';
    assert.equal((await http.call('POST', path, ROWS)).json.error?.code, 'NO_WORKER');
    assert.equal(keys.length, 2, 'it was tried once more');
    assert.equal((await http.call('POST', path, ROWS)).json.error?.code, 'MODEL_QUARANTINED');
    assert.equal(keys.length, 3);
  });
});
