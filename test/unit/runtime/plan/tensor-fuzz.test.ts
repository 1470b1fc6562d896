import assert from 'node:assert/strict';
import { test } from 'node:test';
import { mulberry32 } from '../../../../src/manager/generated-inputs.ts';
import { compareCase } from '../../../support/plan-fuzz.ts';
import { randomTensorGraph } from '../../../support/plan-fuzz-tensor.ts';

const GRAPHS = 600;

test('random graphs of standard operators answer as their sessions do, NaN and infinities too', async () => {
  let same = 0;
  for (let seed = 0; seed < GRAPHS; seed++) {
    const outcome = await compareCase(randomTensorGraph(mulberry32(seed)));
    assert.notEqual(outcome.kind, 'different', `seed ${seed}: ${JSON.stringify(outcome)}`);
    if (outcome.kind === 'same') same++;
  }
  assert.ok(same > 0.9 * GRAPHS, `${same} of ${GRAPHS} were compared`);
});
