import { parseArgs } from 'node:util';
import { runChaos } from './run.ts';

const { values } = parseArgs({
  options: { seed: { type: 'string' }, minutes: { type: 'string', default: '5' } },
});
const seed = values.seed === undefined ? Math.floor(Math.random() * 2 ** 31) : Number(values.seed);
const minutes = Number(values.minutes);
if (!Number.isSafeInteger(seed) || seed < 0 || !(minutes > 0 && minutes <= 24 * 60)) {
  console.error('npm run test:chaos -- --seed N --minutes M: a whole number, and up to a day');
  process.exit(2);
}
console.log(
  `seed ${seed}; to see the same faults: npm run test:chaos -- --seed ${seed} --minutes ${minutes}`,
);
const result = await runChaos({ seed, durationMs: minutes * 60_000, say: (line) => console.log(line) });
console.log(
  JSON.stringify(
    { ...result, violations: result.violations.length, recoveryMs: Math.round(result.recoveryMs) },
    null,
    2,
  ),
);
for (const violation of result.violations.slice(0, 50)) console.error(`VIOLATION ${violation}`);
process.exitCode = result.violations.length === 0 ? 0 : 1;
