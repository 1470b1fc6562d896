import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { DEFAULT_LIMITS } from '../../../src/core/limits.ts';
import { S3Calls } from '../../../src/stores/objects/s3-calls.ts';
import { S3Objects } from '../../../src/stores/objects/s3-objects.ts';
import { distinctModel } from '../../support/distinct-models.ts';
import { type Fleet, startFleet } from '../../support/fleet.ts';
import { ask, metric, predict, register } from '../../support/fleet-client.ts';
import type { FleetProcess } from '../../support/fleet-process.ts';
import { S3_OTHER_BUCKET } from '../../support/s3-server.ts';
import { until } from '../../support/until.ts';

describe('a fleet of 2 routers, 2 workers and 2 managers', { timeout: 120_000 }, () => {
  let fleet: Fleet;
  let first: FleetProcess;
  let second: FleetProcess;
  before(async () => {
    // Long enough for who is frozen for a moment to stay a member.
    fleet = await startFleet({ routers: 2, workers: 2, managers: 2, limits: { memberLeaseMs: 10_000 } });
    [first, second] = fleet.routers as [FleetProcess, FleetProcess];
  });
  after(() => fleet[Symbol.asyncDispose]());

  it('serves what a router has acknowledged at once at this router, and soon at the other', async () => {
    const registered = await register(first.origin, 'acme', 'churn', 1);
    assert.equal(registered.status, 201, JSON.stringify(registered.body));
    const predicted = await predict(first.origin, 'acme', 'churn');
    assert.equal(predicted.status, 200, JSON.stringify(predicted.body));
    assert.equal(predicted.body['version'], '1');
    await until('the other router knows it', async () => {
      const { status } = await predict(second.origin, 'acme', 'churn');
      assert.ok(status === 200 || status === 404, String(status));
      return status === 200;
    });
    // A version more: each router answers it to who has just registered there.
    for (const [index, router] of [second, first].entries()) {
      const version = 2 + index;
      assert.equal((await register(router.origin, 'acme', 'churn', version)).status, 201);
      assert.equal((await predict(router.origin, 'acme', 'churn')).body['version'], String(version));
    }
  });

  it('takes changes at a manager that does not lead, and reads at every manager', async () => {
    const leads = await Promise.all(
      fleet.managers.map(({ origin }) => metric(origin, 'shoal_manager_leads')),
    );
    assert.deepEqual(
      leads.toSorted((a, b) => Number(a) - Number(b)),
      [0, 1],
    );
    const other = fleet.managers[leads.indexOf(0)] as FleetProcess;
    const { status, body } = await register(other.origin, 'birch', 'churn', 1);
    assert.equal(status, 201, JSON.stringify(body));
    for (const { origin } of fleet.managers) {
      const found = await ask(origin, 'GET', '/v1/tenants/birch/models/churn');
      assert.equal(found.status, 200);
      assert.equal(found.body['revision'], body['revision']);
    }
    const artifact = await ask(other.origin, 'GET', '/v1/tenants/birch/models/churn/versions/1/artifact');
    assert.equal(artifact.status, 200);
  });

  it('registers a stream of s3:// uris without their bytes passing through the client', async () => {
    const calls = new S3Calls(fleet.s3.settings(), DEFAULT_LIMITS);
    const others = new S3Objects(calls, S3_OTHER_BUCKET, '');
    const tenants = ['elm', 'fir', 'oak'];
    for (const [index, tenant] of tenants.entries())
      await others.put(`tonight/${tenant}.onnx`, distinctModel(100 + index));
    calls.close();
    const lines = tenants.map((tenant) =>
      JSON.stringify({
        tenant,
        model: 'churn',
        version: '1',
        artifact: { uri: `s3://${S3_OTHER_BUCKET}/tonight/${tenant}.onnx` },
        activate: true,
      }),
    );
    const forbidden = { tenant: 'elm', model: 'b', version: '1', artifact: { uri: 's3://elsewhere/b.onnx' } };
    const stream = [...lines, JSON.stringify(forbidden)].join('\n');
    const { status, body } = await ask(second.origin, 'POST', '/v1/models:bulkRegister', stream, {
      'content-type': 'application/x-ndjson',
    });
    assert.equal(status, 200);
    const answers = String(body['text'])
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { status?: string; error?: { code: string }; summary?: object });
    assert.partialDeepStrictEqual(answers.at(-1)?.summary, { registered: 3, unchanged: 0, rejected: 1 });
    assert.equal(answers.find((answer) => answer.status === 'rejected')?.error?.code, 'FORBIDDEN');
    for (const tenant of tenants) assert.equal((await predict(second.origin, tenant, 'churn')).status, 200);
  });

  it('splits traffic, and takes deletions', async () => {
    for (const version of [1, 2]) await register(first.origin, 'cedar', 'churn', version);
    const path = '/v1/tenants/cedar/models/churn';
    const traffic = { stable: '1', canary: { version: '2', percent: 100 } };
    assert.equal((await ask(first.origin, 'PUT', `${path}/traffic`, traffic)).status, 200);
    assert.equal((await predict(first.origin, 'cedar', 'churn')).body['version'], '2');
    assert.equal((await predict(first.origin, 'cedar', 'churn', '?version=1')).body['version'], '1');
    const inUse = await ask(first.origin, 'DELETE', `${path}/versions/2`);
    assert.equal(inUse.status, 409);
    assert.equal((await ask(first.origin, 'DELETE', path)).status, 200);
    assert.equal((await predict(first.origin, 'cedar', 'churn')).status, 404);
    await until('the other router knows it', async () => {
      return (await predict(second.origin, 'cedar', 'churn')).status === 404;
    });
  });

  it('shows its workers at every router, and tells how they do', async () => {
    for (const { origin } of fleet.routers) {
      const { body } = await ask(origin, 'GET', '/v1/workers');
      const workers = body['workers'] as Record<string, unknown>[];
      assert.deepEqual(
        workers.map(({ id, zone, state, standing }) => ({ id, zone, state, standing })),
        [
          { id: 'w0', zone: 'a', state: 'ready', standing: 'connected' },
          { id: 'w1', zone: 'b', state: 'ready', standing: 'connected' },
        ],
      );
      const { body: document } = await ask(origin, 'GET', '/openapi.json');
      assert.ok('/v1/models:bulkRegister' in (document['paths'] as object), 'the whole API is described');
    }
    for (const { origin } of fleet.workers) {
      const resident = await ask(origin, 'GET', '/metrics');
      assert.match(String(resident.body['text']), /^shoal_worker_/m);
    }
  });

  it('tells of a worker that does not answer what it last announced', async () => {
    const [, frozen] = fleet.workers as [FleetProcess, FleetProcess];
    await frozen.kill('SIGSTOP');
    const { body } = await ask(first.origin, 'GET', '/v1/workers');
    await frozen.kill('SIGCONT');
    const shown = (body['workers'] as Record<string, unknown>[]).find(({ id }) => id === 'w1');
    assert.partialDeepStrictEqual(shown, {
      state: 'unreachable',
      zone: 'b',
      lanes: 1,
      budgetBytes: 128 * 1024 ** 2,
    });
    await until('it answers again', async () => {
      const { body } = await ask(first.origin, 'GET', '/v1/workers');
      return (body['workers'] as Record<string, unknown>[]).every(({ standing }) => standing === 'connected');
    });
  });

  it('lets a worker and a router go without an error, and takes them back', async () => {
    const [worker] = fleet.workers as [FleetProcess];
    const state = { stopped: false, answered: 0 };
    const failures: unknown[] = [];
    const caller = async (): Promise<void> => {
      while (!state.stopped) {
        const { status, body } = await predict(second.origin, 'acme', 'churn');
        state.answered++;
        if (status !== 200) failures.push(body);
      }
    };
    const callers = Promise.all(Array.from({ length: 8 }, caller));
    assert.equal(await worker.stop(), 0);
    assert.equal(await first.stop(), 0);
    await worker.start();
    await first.start();
    await Promise.all([worker.ready(), first.ready()]);
    state.stopped = true;
    await callers;
    assert.deepEqual(failures, []);
    assert.ok(state.answered > 0);
    assert.equal((await predict(first.origin, 'acme', 'churn')).status, 200);
  });
});
