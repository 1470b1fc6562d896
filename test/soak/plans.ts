import { parseArgs } from 'node:util';
import { Rng } from '../../sim/workload/rng.ts';
import { compareCase, type FuzzCase, type FuzzOutcome } from '../support/plan-fuzz.ts';
import { randomClassicalGraph } from '../support/plan-fuzz-classical.ts';
import { randomTensorGraph } from '../support/plan-fuzz-tensor.ts';
import { randomEnsemble } from '../support/plan-fuzz-trees.ts';

/**
 * `npm run soak:plans -- --count 100000 --seed 1 --only trees,classical,tensor`: random models, a third of them of each
 * kind, answer as plans and as sessions. Prints how many, and the number of each that differs: with `--first` that
 * number and `--count 1` it is made again. Exit code 1 when one differs.
 */
const KINDS: Readonly<Record<string, (random: () => number) => FuzzCase>> = {
  trees: randomEnsemble,
  classical: randomClassicalGraph,
  tensor: randomTensorGraph,
};
const REPORT_EVERY = 10_000;

const { values } = parseArgs({
  options: {
    count: { type: 'string', default: '100000' },
    seed: { type: 'string', default: '1' },
    first: { type: 'string', default: '0' },
    only: { type: 'string', default: Object.keys(KINDS).join() },
  },
});
const [count, seed, first] = [values.count, values.seed, values.first].map(wholeNumber) as [
  number,
  number,
  number,
];
const kinds = values.only.split(',').map((name) => {
  const make = KINDS[name];
  if (make === undefined) throw new RangeError(`--only takes ${Object.keys(KINDS).join()}, got ${name}`);
  return { name, make, outcomes: { same: 0, left: 0, refused: 0, different: 0 } };
});
const reasons = new Map<string, number>();
console.log(
  `npm run soak:plans -- --count ${count} --seed ${seed} --first ${first} --only ${kinds.map(({ name }) => name).join()}`,
);
for (let number = first; number < first + count; number++) {
  for (const { name, make, outcomes } of kinds) {
    if (kinds.length > 1 && kinds[number % kinds.length]?.name !== name) continue;
    const rng = new Rng(seed, 'weights', number);
    const outcome = await compareCase(make(() => rng.unit()));
    outcomes[outcome.kind]++;
    note(name, number, outcome);
  }
  if ((number - first + 1) % REPORT_EVERY === 0) print();
}
print();
for (const [reason, times] of [...reasons].toSorted(([, a], [, b]) => b - a).slice(0, 20))
  console.log(`${String(times).padStart(8)}  ${reason}`);
if (kinds.some(({ outcomes }) => outcomes.different > 0)) process.exitCode = 1;

function note(name: string, number: number, outcome: FuzzOutcome): void {
  if (outcome.kind === 'different') {
    console.error(`${name} --seed ${seed} --first ${number}: ${outcome.message}`);
    return;
  }
  if (outcome.kind === 'same') return;
  // Without the names of nodes, which are random.
  const reason = `${name} ${outcome.kind}: ${outcome.reason.replace(/ \(.*$/s, '').slice(0, 100)}`;
  reasons.set(reason, (reasons.get(reason) ?? 0) + 1);
}

function print(): void {
  for (const { name, outcomes } of kinds) {
    const { same, left, refused, different } = outcomes;
    console.log(
      `${name.padEnd(10)} ${same} the same, ${left} left to ONNX Runtime, ${refused} refused by it, ${different} different`,
    );
  }
}

function wholeNumber(text: string): number {
  if (!/^\d+$/.test(text)) throw new RangeError(`expected a whole number, got ${JSON.stringify(text)}`);
  return Number(text);
}
