import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startStores } from '../../support/fleet.ts';
import { ask, metric, predict, register } from '../../support/fleet-client.ts';
import type { FleetProcess } from '../../support/fleet-process.ts';
import { until } from '../../support/until.ts';

it('up on shared stores: machines are one fleet, and each goes and comes back', {
  timeout: 120_000,
}, async () => {
  await using fleet = await startStores();
  const [one] = (await fleet.scale('up', 1)) as [FleetProcess];
  await until('the first machine offers its samples', () => one.log.includes('30 sample tenants'));
  const [two] = (await fleet.scale('up', 1)) as [FleetProcess];
  for (const { origin } of [one, two]) {
    await until('both see all workers', async () => {
      const { body } = await ask(origin, 'GET', '/v1/workers');
      const workers = body['workers'] as { id: string; standing: string }[];
      const standing = workers.map(({ id, standing }) => `${id} ${standing}`);
      return standing.join() === 'u0-0 connected,u1-0 connected';
    });
  }
  assert.equal(two.log.includes('sample tenants'), false);
  const leads = [one, two].map(({ origin }) => metric(origin, 'shoal_manager_leads'));
  assert.deepEqual(await Promise.all(leads), [1, 0]);

  // What the second passes on to the first it serves at once itself.
  const registered = await register(two.origin, 'zinnia', 'churn', 1);
  assert.equal(registered.status, 201, JSON.stringify(registered.body));
  assert.equal((await predict(two.origin, 'zinnia', 'churn')).status, 200);
  await until(
    'the first serves it',
    async () => (await predict(one.origin, 'zinnia', 'churn')).status === 200,
  );

  assert.equal(await one.stop(), 0);
  await until('the second leads', async () => (await metric(two.origin, 'shoal_manager_leads')) === 1);
  assert.equal((await predict(two.origin, 'zinnia', 'churn')).status, 200);
  await until('the second takes changes', async () => {
    const { status } = await register(two.origin, 'zinnia', 'churn', 2);
    assert.ok(status === 201 || status === 200 || status === 503, String(status));
    return status !== 503;
  });
  await one.start();
  await one.ready();
  assert.equal((await predict(one.origin, 'zinnia', 'churn')).body['version'], '2');
  assert.equal(one.log.match(/sample tenants/g)?.length, 1, 'samples are for an empty registry');
});
