import { parseArgs } from 'node:util';
import { formatMix, parseMix } from '../../sim/workload/mix.ts';
import { soak, type SoakReport } from './soak.ts';

/**
 * `npm run soak -- --loads 1000000 --seed 7 --budget-mib 256 --mix linear=70,small-trees=30`: a worker loads and
 * evicts so often. Exit code 1 when its resident set was ever beyond budget and overhead.
 */
const { values } = parseArgs({
  options: {
    loads: { type: 'string', default: '1000000' },
    seed: { type: 'string', default: '1' },
    'budget-mib': { type: 'string', default: '256' },
    mix: { type: 'string', default: 'linear=70,small-trees=30' },
  },
});
const mix = parseMix(values.mix);
const [loads, seed, budgetMib] = [values.loads, values.seed, values['budget-mib']].map(wholeNumber);
console.log(
  `npm run soak -- --loads ${loads} --seed ${seed} --budget-mib ${budgetMib} --mix ${formatMix(mix)}`,
);
console.log('     loads   per s  refused   RSS MiB  highest  counted   beside  trims');

const result = await soak({
  loads: loads as number,
  seed: seed as number,
  budgetBytes: (budgetMib as number) * 1024 * 1024,
  mix,
  idleTtlMs: 30_000,
  onReport: print,
});
print(result);
const { promisedBytes, beforeBytes, afterBytes, highestRssBytes, lateGrowthBytes } = result;
console.log(
  `RSS before ${mib(beforeBytes)}, highest ${mib(highestRssBytes)}, with all evicted ${mib(afterBytes)} MiB; budget and overhead ${mib(promisedBytes)} MiB; the highest rose by ${mib(lateGrowthBytes)} MiB in the second half`,
);
if (highestRssBytes > promisedBytes) {
  console.error('the resident set was beyond budget and overhead');
  process.exitCode = 1;
}

function print(report: SoakReport): void {
  const { loads, refused, seconds, rssBytes, highestRssBytes, countedBytes, trims } = report;
  const besideBytes = rssBytes - countedBytes;
  const cells = [loads, loads / seconds, refused, mib(rssBytes), mib(highestRssBytes), mib(countedBytes)];
  const widths = [10, 7, 8, 9, 8, 8];
  const line = cells
    .map((cell, at) =>
      Number(cell)
        .toFixed(0)
        .padStart(widths[at] as number),
    )
    .join(' ');
  console.log(`${line} ${mib(besideBytes).padStart(8)} ${String(trims).padStart(6)}`);
}

function mib(bytes: number): string {
  return (bytes / 1024 / 1024).toFixed(0);
}

function wholeNumber(text: string): number {
  if (!/^[1-9]\d*$/.test(text))
    throw new RangeError(`expected a whole number above 0, got ${JSON.stringify(text)}`);
  return Number(text);
}
