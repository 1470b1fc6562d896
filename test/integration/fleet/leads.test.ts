import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type Fleet, startStores } from '../../support/fleet.ts';
import { ask, type FleetAnswer, metric, register } from '../../support/fleet-client.ts';
import type { FleetProcess } from '../../support/fleet-process.ts';
import { until } from '../../support/until.ts';

describe('several managers', { timeout: 120_000 }, () => {
  let fleet: Fleet;
  let router: FleetProcess;
  before(async () => {
    fleet = await startStores();
    [, [router]] = (await Promise.all([fleet.scale('manager', 2), startRouter(fleet)])) as [
      FleetProcess[],
      [FleetProcess],
    ];
  });
  after(() => fleet[Symbol.asyncDispose]());

  const put = (tenant: string): Promise<FleetAnswer> =>
    ask(router.origin, 'PUT', `/v1/tenants/${tenant}`, {});

  /** Resolves when a change is taken; what came before was refused honestly. */
  const taken = (tenant: string): Promise<void> =>
    until(`${tenant} is taken`, async () => {
      const { status, headers, body } = await put(tenant);
      if (status === 200) return true;
      assert.equal(status, 503, JSON.stringify(body));
      assert.ok(headers['retry-after'] !== undefined);
      assert.equal((body['error'] as { code: string }).code, 'STORE_UNAVAILABLE');
      return false;
    });

  async function leading(): Promise<FleetProcess> {
    let found: FleetProcess | undefined;
    await until('one of them leads', async () => {
      for (const manager of fleet.managers.filter(({ isRunning }) => isRunning))
        if ((await metric(manager.origin, 'shoal_manager_leads')) === 1) found = manager;
      return found !== undefined;
    });
    return found as FleetProcess;
  }

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`the next one leads after ${signal}, and everything acknowledged is there`, async () => {
      const before = `before-${signal.toLowerCase()}`;
      await taken(before);
      const leader = await leading();
      const [other] = fleet.managers.filter((manager) => manager !== leader) as [FleetProcess];
      const code = await leader.kill(signal);
      if (signal === 'SIGTERM') assert.equal(code, 0);
      await taken(`after-${signal.toLowerCase()}`);
      assert.equal(await leading(), other);
      assert.equal((await ask(router.origin, 'GET', `/v1/tenants/${before}`)).status, 200);
      await leader.start();
      await leader.ready();
      assert.equal(await leading(), other, 'one that comes back takes the lead from nobody');
    });
  }

  it('a leader that stops finishes what is under way; what others refuse meanwhile may be tried again', async () => {
    const leader = await leading();
    const first = Promise.withResolvers<void>();
    const all = Array.from({ length: 24 }, async (_, index) => {
      const answer = await register(router.origin, 'willow', `m${index}`, 1 + index);
      first.resolve();
      return answer;
    });
    await first.promise;
    const [code, answers] = await Promise.all([leader.stop(), Promise.all(all)]);
    assert.equal(code, 0);
    for (const { status, body } of answers) assert.ok(status === 201 || status === 503, JSON.stringify(body));
    assert.ok(answers.some(({ status }) => status === 201));
    await taken('after-willow');
    for (const [index, { status }] of answers.entries()) {
      if (status !== 201) continue;
      const path = `/v1/tenants/willow/models/m${index}/versions/${1 + index}`;
      assert.equal((await ask(router.origin, 'GET', path)).status, 200, path);
    }
    await leader.start();
    await leader.ready();
  });

  it('one that can not reach the object store, or has another one, leaves the lead to who can', async () => {
    await Promise.all(fleet.managers.map((manager) => manager.stop()));
    for (const [env, reason] of [
      [{ AWS_SECRET_ACCESS_KEY: 'wrong' }, /the secret key is wrong/],
      [
        { SHOAL_ARTIFACTS: `${fleet.env['SHOAL_ARTIFACTS']}-other` },
        /objects are not there: look whether bucket/,
      ],
    ] as const) {
      const wrong = await fleet.add('manager', { env });
      await wrong.start();
      await until('it says why it takes no changes', async () => {
        const { status, body } = await put('elm');
        assert.equal(status, 503);
        return reason.test(JSON.stringify(body));
      });
      const [good] = fleet.managers as [FleetProcess];
      await good.start();
      await taken(`elm-${fleet.managers.length}`);
      assert.equal(await leading(), good);
      assert.match(wrong.log, reason);
      await good.stop();
      await wrong.kill();
    }
    await Promise.all(fleet.managers.slice(0, 2).map((manager) => manager.start()));
    await leading();
  });

  it('with none left changes wait for one, and one that comes is enough', async () => {
    await Promise.all(fleet.managers.map((manager) => manager.kill('SIGKILL')));
    const { status } = await put('nobody');
    assert.equal(status, 503);
    const [first] = fleet.managers as [FleetProcess];
    await first.start();
    await taken('somebody');
    assert.equal(await first.readiness(), 200);
  });
});

async function startRouter(fleet: Fleet): Promise<FleetProcess[]> {
  const router = await fleet.add('router');
  await router.start();
  return [router];
}
