import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import { pino } from 'pino';
import { modelOrder, tenantShard } from '../../../src/core/placement/placement.ts';
import { Keeper } from '../../../src/router/keeper.ts';
import { RoutingTable } from '../../../src/router/routing-table.ts';
import { WorkerControl } from '../../../src/router/worker-control.ts';
import type { RoutingState } from '../../../src/stores/registry/registry.ts';
import type { WarmRequest } from '../../../src/wire/control.ts';
import { startFakeWorker, TOKEN } from '../../support/fake-worker.ts';
import { createRouterParts } from '../../support/router-parts.ts';
import { routingState } from '../../support/routing-state.ts';
import { until } from '../../support/until.ts';

const cleanups: (() => unknown)[] = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

/** A keeper that goes round only when told to, until its table is ready. */
async function start(limits: { pinnedModels?: number; warmMs?: number } = {}, frozen?: string) {
  const told: { worker: string; body: WarmRequest }[] = [];
  const broken = new Set<string>();
  const workers = await Promise.all(
    ['w0', 'w1', 'w2'].map((id) =>
      startFakeWorker({
        id,
        frozen: id === frozen,
        onControl: (_request, body) => {
          told.push({ worker: id, body: body as WarmRequest });
          if (!broken.has(id)) return { status: 200, body: { loaded: true } };
          return { status: 503, body: { error: { code: 'OVERLOADED', message: 'no room' } } };
        },
      }),
    ),
  );
  for (const worker of workers) cleanups.push(() => worker.close());
  const parts = createRouterParts(
    workers.map(({ member }) => member),
    { limits: { pinMs: 3_600_000, ...limits } },
  );
  cleanups.push(() => parts.fleet.close());
  const table = new RoutingTable();
  const lines: string[] = [];
  const control = new WorkerControl(TOKEN);
  cleanups.push(() => control.close());
  const logger = pino({ level: 'warn' }, { write: (line: string) => lines.push(line) });
  const ready = Promise.withResolvers<void>();
  const keeper = new Keeper({ ...parts, table, control, logger, ready: ready.promise });
  cleanups.push(() => keeper.stop());
  let revision = 0;
  const put = (model: string, state: RoutingState | undefined): void => {
    const entry = { kind: 'model' as const, tenant: 'acme', model, revision: ++revision };
    table.apply([state === undefined ? entry : { ...entry, state }], revision);
  };
  const round = async () => {
    told.length = 0;
    await keeper.round();
    return told.map(({ worker, body }) => `${worker} ${body.key.split('@')[0]}`).sort();
  };
  const first = (model: string, count: number): string[] =>
    modelOrder('acme', model, tenantShard('acme', parts.members.list()))
      .slice(0, count)
      .map(({ id }) => id)
      .sort();
  return { ...parts, table, put, round, told, first, broken, lines, ready };
}

describe('the keeper of models with minCopies', () => {
  it('tells the first workers of the order to load and keep the stable version, and stops when it is set back', async () => {
    const { put, round, told, first, limits } = await start();
    put('idle', routingState('1'));
    put('churn', { ...routingState('7'), minCopies: 2 });
    put('ltv', { ...routingState('1'), minCopies: 1 });
    const expected = [
      ...first('churn', 2).map((id) => `${id} acme/churn/7`),
      ...first('ltv', 1).map((id) => `${id} acme/ltv/1`),
    ].sort();
    assert.deepEqual(await round(), expected);
    const { key: _, ...body } = told[0]?.body ?? { key: '' };
    assert.deepEqual(body, { residentBytes: 100_000, pinMs: limits.pinMs });
    put('churn', routingState('7'));
    assert.deepEqual(await round(), [`${first('ltv', 1)[0]} acme/ltv/1`]);
    put('ltv', undefined);
    assert.deepEqual(await round(), []);
  });

  it('leaves out what may not be served: no stable version, or one in quarantine', async () => {
    const { put, round } = await start();
    put('none', { ...routingState('1'), traffic: {}, minCopies: 1 });
    const quarantine = { reason: 'crashed', since: '2026-01-01T00:00:00.000Z' };
    const [version] = routingState('1').versions;
    assert.ok(version !== undefined);
    put('bad', { traffic: { stable: '1' }, minCopies: 3, versions: [{ ...version, quarantine }] });
    assert.deepEqual(await round(), []);
  });

  it('counts what a worker refuses, and says it once until that changes', async () => {
    const { put, round, broken, lines, metrics, first } = await start();
    put('churn', { ...routingState('7'), minCopies: 3 });
    const [victim = ''] = first('churn', 1);
    broken.add(victim);
    for (let times = 0; times < 3; times++) await round();
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', new RegExp(`"worker":"${victim}".*could not be kept loaded`));
    broken.clear();
    await round();
    broken.add(victim);
    await round();
    assert.equal(lines.length, 2);
    const { values } = await metrics.pins.get();
    const counts = Object.fromEntries(values.map(({ labels, value }) => [labels.outcome, value]));
    assert.deepEqual(counts, { kept: 11, failed: 4 });
  });

  it('keeps so many models and no more, and says so once', async () => {
    const { put, round, lines } = await start({ pinnedModels: 5 });
    for (let index = 0; index < 8; index++) put(`m${index}`, { ...routingState('1'), minCopies: 1 });
    assert.equal((await round()).length, 5);
    assert.equal((await round()).length, 5);
    assert.equal(lines.length, 1);
    assert.match(lines[0] ?? '', /more models have minCopies/);
    for (let index = 0; index < 4; index++) put(`m${index}`, routingState('1'));
    assert.deepEqual((await round()).length, 4);
  });

  it('does not let a worker that answers nothing take the time of the others, nor tells it more', async () => {
    const { put, round, first, metrics } = await start({ warmMs: 100 }, 'w1');
    const expected: string[] = [];
    for (let index = 0; index < 6; index++) {
      put(`m${index}`, { ...routingState('1'), minCopies: 3 });
      for (const id of first(`m${index}`, 3)) if (id !== 'w1') expected.push(`${id} acme/m${index}/1`);
    }
    assert.deepEqual(await round(), expected.sort());
    const { values } = await metrics.pins.get();
    const counts = Object.fromEntries(values.map(({ labels, value }) => [labels.outcome, value]));
    assert.deepEqual(counts, { kept: 12, failed: 1 });
  });

  it('begins by itself once the table is known', async () => {
    const { put, told, ready } = await start();
    put('churn', { ...routingState('7'), minCopies: 2 });
    assert.equal(told.length, 0);
    ready.resolve();
    await until('both workers were told', () => told.length === 2);
  });
});
