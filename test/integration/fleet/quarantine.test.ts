import assert from 'node:assert/strict';
import { it } from 'node:test';
import { startFleet } from '../../support/fleet.ts';
import { ask, type FleetAnswer } from '../../support/fleet-client.ts';
import type { FleetProcess } from '../../support/fleet-process.ts';
import { dividingModel, LEAST } from '../../support/poison-models.ts';
import { until } from '../../support/until.ts';

const PATIENT = { 'x-request-timeout-ms': '60000' };
const POISON = '/v1/tenants/mallory/models/poison';

it('crashes of workers are told to the manager that leads, and routers learn of the quarantine', {
  timeout: 120_000,
}, async () => {
  // A new worker takes its time where few cores are shared.
  const limits = { workerAwayMs: 30_000, autopsyMs: 20_000 };
  await using fleet = await startFleet({ routers: 2, workers: 2, managers: 2, limits });
  const [router, other] = fleet.routers as [FleetProcess, FleetProcess];
  const model = Buffer.from(dividingModel());
  const registered = await ask(router.origin, 'PUT', `${POISON}/versions/1?activate=true`, model);
  assert.equal(registered.status, 201, JSON.stringify(registered.body));
  const predict = ({ origin }: FleetProcess, x: string): Promise<FleetAnswer> =>
    ask(origin, 'POST', `${POISON}:predict`, `{"instances":[{"x":${x}}]}`, PATIENT);
  const codeOf = ({ body }: FleetAnswer): unknown => (body['error'] as { code?: string } | undefined)?.code;
  await until('it is in quarantine', async () => {
    return codeOf(await predict(router, LEAST)) === 'MODEL_QUARANTINED';
  });
  await until('the other router knows it', async () => {
    return codeOf(await predict(other, '1')) === 'MODEL_QUARANTINED';
  });
  const { body } = await ask(other.origin, 'GET', `${POISON}/versions/1`);
  assert.match((body['quarantine'] as { reason: string }).reason, /SIGFPE/);
  const deaths = fleet.workers.map(({ log }) => log.match(/worker died/g)?.length ?? 0);
  assert.equal(
    deaths.reduce((sum, each) => sum + each, 0),
    3,
  );
});
