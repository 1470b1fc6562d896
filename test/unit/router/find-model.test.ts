import assert from 'node:assert/strict';
import { it } from 'node:test';
import { findModel } from '../../../src/router/predict.ts';
import { RoutingTable } from '../../../src/router/routing-table.ts';
import type { RoutingEntry } from '../../../src/stores/registry/registry.ts';
import { routingState } from '../../support/routing-state.ts';

const churn: RoutingEntry = {
  kind: 'model',
  tenant: 'acme',
  model: 'churn',
  revision: 1,
  state: routingState('1'),
};

it('what a table that is not whole does not have is not known, and what it has is served', () => {
  const table = new RoutingTable();
  const missing = { acme: 'ltv', nobody: 'churn' };
  const codes = () =>
    Object.entries(missing).map(([tenant, model]) => {
      try {
        return findModel({ table }, tenant, model);
      } catch (error) {
        return (error as { code: string }).code;
      }
    });
  assert.deepEqual(codes(), ['STARTING', 'STARTING'], 'before the first snapshot');
  const first = table.beginSnapshot({ history: 'one', revision: 1 });
  first.page([churn]);
  assert.deepEqual(codes(), ['STARTING', 'STARTING'], 'while it is read');
  first.end();
  assert.deepEqual(codes(), ['MODEL_NOT_FOUND', 'TENANT_NOT_FOUND']);
  const second = table.beginSnapshot({ history: 'two', revision: 5 });
  assert.equal(findModel({ table }, 'acme', 'churn').entry.revision, 1);
  assert.deepEqual(codes(), ['STARTING', 'STARTING'], 'while another history is taken over');
  second.page([churn]);
  second.end();
  assert.deepEqual(codes(), ['MODEL_NOT_FOUND', 'TENANT_NOT_FOUND']);
  assert.throws(() => findModel({ table }, 'ACME', 'churn'), { code: 'INVALID_NAME' });
});
