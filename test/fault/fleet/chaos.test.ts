import assert from 'node:assert/strict';
import { it } from 'node:test';
import { runChaos } from '../../chaos/run.ts';

/** Another one each time: a run that fails is seen again by its seed. */
const seed = Math.floor(Math.random() * 2 ** 31);
const MINUTES = 0.75;

it('chaos: whatever fails, no answer is wrong and nothing acknowledged is lost, and all is well soon after', {
  timeout: 300_000,
}, async (test) => {
  test.diagnostic(`seed ${seed}; again: npm run test:chaos -- --seed ${seed} --minutes ${MINUTES}`);
  const lines: string[] = [];
  const result = await runChaos({ seed, durationMs: MINUTES * 60_000, say: (line) => lines.push(line) });
  assert.deepEqual(result.violations, [], `seed ${seed}\n${lines.join('\n')}`);
  assert.ok(result.faults >= 5, `${result.faults} faults`);
  assert.ok(result.answers > 500 && result.acknowledged > 20, JSON.stringify(result));
});
