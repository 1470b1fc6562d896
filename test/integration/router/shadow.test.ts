import assert from 'node:assert/strict';
import { afterEach, describe, it } from 'node:test';
import type { Resolved } from '../../../src/router/predict.ts';
import { RoutingTable } from '../../../src/router/routing-table.ts';
import { Shadow } from '../../../src/router/shadow.ts';
import { encodeHeld } from '../../../src/wire/frames.ts';
import { Happening } from '../../support/happening.ts';
import { type Cleanups, startDispatch, workerRequest } from '../../support/router-dispatch.ts';
import { routingState } from '../../support/routing-state.ts';
import { until } from '../../support/until.ts';

const cleanups: Cleanups = [];
afterEach(async () => {
  for (const cleanup of cleanups.splice(0)) await cleanup();
});

function resolved(): Resolved {
  const table = new RoutingTable();
  const [version] = routingState('2').versions;
  assert.ok(version !== undefined);
  const state = { traffic: { shadow: { version: '2', percent: 100 } }, versions: [version] };
  table.apply([{ kind: 'model', tenant: 'acme', model: 'churn', revision: 1, state }], 1);
  const owner = table.tenant('acme');
  const entry = owner?.models.get('churn');
  const served = entry?.versions[0];
  assert.ok(owner !== undefined && entry !== undefined && served !== undefined);
  return { tenant: 'acme', model: 'churn', owner, entry, version: served, pinned: false };
}

describe('a shadow version', () => {
  it('has one copy under way, and none while one may hold a lane, on whichever worker', async () => {
    const asked = new Happening();
    const onRequest = () => asked.happen();
    const { fakes, order, parts } = await startDispatch(cleanups, [{ onRequest }, { onRequest }]);
    const shadow = new Shadow({ ...parts, random: () => 0 });
    const target = resolved();
    const copy = () => shadow.copy(target, order, workerRequest());
    for (let times = 0; times < 5; times++) copy();
    await asked.times(1);
    const key = target.version.key('acme', 'churn');
    for (const socket of fakes[0]?.sockets ?? []) socket.write(encodeHeld(key, true));
    await until('the router knows who holds a lane', () => parts.fleet.held.size === 1);
    // Another shadow of the same fleet, as another router has: it knows nothing of the copy under way.
    new Shadow({ ...parts, random: () => 0 }).copy(target, order, workerRequest());
    const { values } = await parts.metrics.shadow.get();
    const skipped = Object.fromEntries(values.map(({ labels, value }) => [labels.outcome, value]));
    assert.deepEqual(skipped, { skipped_limit: 4, skipped_busy: 1 });
    assert.equal(asked.count, 1);
  });
});
