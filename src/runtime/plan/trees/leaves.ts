import type { TreeAggregate, TreeLeaves, TreesStep } from '../../../model/plan/tree-steps.ts';
import type { Layout } from '../kernel.ts';
import type { PlanRun } from '../run.ts';
import { numbersAt, numbersOf } from './numbers.ts';

/** Adds what the rows reached in these trees to their sums, in the trees' order. */
export type Adder = (run: PlanRun, leaves: Int32Array, tree: number, end: number) => void;

/** What is added to, and how its targets are reached. */
interface Sums {
  readonly unit: number;
  readonly width: number;
  readonly isDouble: boolean;
  readonly take: (sum: number, weight: number) => number;
}

const TAKES: Readonly<Record<TreeAggregate, Sums['take']>> = {
  sum: (sum, weight) => sum + weight,
  min: (sum, weight) => (weight < sum ? weight : sum),
  max: (sum, weight) => (weight > sum ? weight : sum),
};

export function adderOf({ sums, leaves, aggregate }: TreesStep, layout: Layout): Adder {
  const target: Sums = {
    unit: layout.unit(sums),
    width: layout.width(sums),
    isDouble: layout.kind(sums) === 'f64',
    take: TAKES[aggregate],
  };
  if (leaves.kind === 'one')
    return aggregate === 'sum' ? oneSummer(leaves, target) : oneTaker(leaves, target);
  if (leaves.kind === 'tree') return treeTaker(leaves, target);
  return leaves.kind === 'all' ? allTaker(leaves, target) : someTaker(leaves, target, layout);
}

type Of<Kind extends TreeLeaves['kind']> = Extract<TreeLeaves, { kind: Kind }>;

/** Most ensembles are so. What is stored in floats is rounded by that. */
function oneSummer({ weights, target }: Of<'one'>, { unit, width, isDouble }: Sums): Adder {
  return (run, leaves, tree, end) => {
    const { rows } = run;
    const array = isDouble ? run.f64 : run.f32;
    const numbers = numbersOf(run.memory, weights);
    const numbersFrom = numbersAt(run, weights);
    const sumsAt = unit * rows + target;
    for (let from = 0; tree < end; tree++)
      for (let row = 0, to = sumsAt; row < rows; row++, to += width)
        array[to] = (array[to] as number) + (numbers[numbersFrom + (leaves[from++] as number)] as number);
  };
}

function oneTaker({ weights, target }: Of<'one'>, { unit, width, isDouble, take }: Sums): Adder {
  return (run, leaves, tree, end) => {
    const { rows } = run;
    const array = isDouble ? run.f64 : run.f32;
    const numbers = numbersOf(run.memory, weights);
    const numbersFrom = numbersAt(run, weights);
    const sumsAt = unit * rows + target;
    for (let from = 0; tree < end; tree++)
      for (let row = 0, to = sumsAt; row < rows; row++, to += width)
        array[to] = take(array[to] as number, numbers[numbersFrom + (leaves[from++] as number)] as number);
  };
}

function treeTaker({ weights, targets }: Of<'tree'>, { unit, width, isDouble, take }: Sums): Adder {
  return (run, leaves, tree, end) => {
    const { rows, memory } = run;
    const array = isDouble ? run.f64 : run.f32;
    const numbers = numbersOf(memory, weights);
    const numbersFrom = numbersAt(run, weights);
    const targetsAt = run.section(targets) >> 1;
    const sumsAt = unit * rows;
    for (let from = 0; tree < end; tree++) {
      let to = sumsAt + (memory.u16[targetsAt + tree] as number);
      for (let row = 0; row < rows; row++, to += width)
        array[to] = take(array[to] as number, numbers[numbersFrom + (leaves[from++] as number)] as number);
    }
  };
}

function allTaker({ weights }: Of<'all'>, { unit, width, isDouble, take }: Sums): Adder {
  return (run, leaves, tree, end) => {
    const { rows } = run;
    const array = isDouble ? run.f64 : run.f32;
    const numbers = numbersOf(run.memory, weights);
    const numbersFrom = numbersAt(run, weights);
    for (let from = 0; tree < end; tree++) {
      let to = unit * rows;
      for (let row = 0; row < rows; row++) {
        let at = numbersFrom + (leaves[from++] as number) * width;
        for (let target = 0; target < width; target++, to++)
          array[to] = take(array[to] as number, numbers[at++] as number);
      }
    }
  };
}

function someTaker(
  { weights, starts, targets, scored }: Of<'some'>,
  { unit, width, isDouble, take }: Sums,
  layout: Layout,
): Adder {
  const scoredUnit = layout.unit(scored);
  return (run, leaves, tree, end) => {
    const { rows, memory, f32 } = run;
    const array = isDouble ? run.f64 : run.f32;
    const numbers = numbersOf(memory, weights);
    const numbersFrom = numbersAt(run, weights);
    const targetsAt = run.section(targets) >> 1;
    const startsAt = run.section(starts) >> 2;
    for (let from = 0; tree < end; tree++) {
      for (let row = 0; row < rows; row++) {
        const leaf = startsAt + (leaves[from++] as number);
        const sumsAt = unit * rows + row * width;
        const scoredAt = scoredUnit * rows + row * width;
        const last = memory.i32[leaf + 1] as number;
        for (let at = memory.i32[leaf] as number; at < last; at++) {
          const target = memory.u16[targetsAt + at] as number;
          const to = sumsAt + target;
          array[to] = take(array[to] as number, numbers[numbersFrom + at] as number);
          f32[scoredAt + target] = 1;
        }
      }
    }
  };
}
