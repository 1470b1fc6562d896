import type { TreesStep } from '../../../model/plan/tree-steps.ts';
import type { Kernel, Layout } from '../kernel.ts';
import type { PlanRun } from '../run.ts';
import { inputPlacer } from './inputs.ts';
import { type Adder, adderOf } from './leaves.ts';
import { type BranchBits, KEPT_LEAVES, Walk, walkAny, walkPlain } from './walk.ts';

/** One a thread: runs don't overlap. */
const walk = new Walk();

/**
 * Some trees at a time: all rows are walked down one tree after the other, which so stays in the processor's cache, then
 * the leaves they reached are summed.
 */
export function treesKernel(step: TreesStep, layout: Layout): Kernel {
  const bits = branchBits(step);
  const isDouble = layout.kind(step.input) === 'f64';
  const isPlain = !isDouble && !step.isWide && !step.hasEqual;
  const place = inputPlacer(step, layout);
  const startSums = sumsStarter(step, layout);
  const add: Adder = adderOf(step, layout);
  return (run) => {
    const { rows, memory } = run;
    const hasNan = place(run, walk);
    walk.memory = memory;
    walk.rows = rows;
    walk.branches = step.isWide ? memory.i32 : memory.u16;
    walk.branchesAt = run.section(step.branches) >> (step.isWide ? 2 : 1);
    walk.thresholds = isDouble ? memory.f64 : memory.i32;
    walk.thresholdsAt = run.section(step.thresholds) >> (isDouble ? 3 : 2);
    const sizesAt = run.section(step.sizes) >> 2;
    walk.sizesAt = sizesAt + 1;
    const trees = memory.i32[sizesAt] as number;
    const walker = isPlain && !(step.hasNanFirst && hasNan) ? walkPlain : walkAny;
    startSums(run);
    const chunk = Math.max(1, Math.floor(KEPT_LEAVES / rows));
    for (let tree = 0, branch = 0; tree < trees; tree += chunk) {
      const end = Math.min(trees, tree + chunk);
      branch = walker(walk, bits, tree, end, branch);
      add(run, walk.leaves, tree, end);
    }
    walk.memory = undefined;
  };
}

function branchBits({ featureBits, hasNanFirst, hasEqual }: TreesStep): BranchBits {
  const nanFirst = hasNanFirst ? 1 << featureBits : 0;
  const equalAt = featureBits + Number(hasNanFirst);
  return {
    featureMask: (1 << featureBits) - 1,
    nanFirst,
    equal: hasEqual ? 1 << equalAt : 0,
    skipAt: equalAt + Number(hasEqual),
  };
}

const STARTS = { sum: 0, min: Number.POSITIVE_INFINITY, max: Number.NEGATIVE_INFINITY } as const;

function sumsStarter({ sums, leaves, aggregate }: TreesStep, layout: Layout): (run: PlanRun) => void {
  const unit = layout.unit(sums);
  const width = layout.width(sums);
  const isDouble = layout.kind(sums) === 'f64';
  const scored = leaves.kind === 'some' ? layout.unit(leaves.scored) : undefined;
  return (run) => {
    const { rows } = run;
    const array = isDouble ? run.f64 : run.f32;
    array.fill(STARTS[aggregate], unit * rows, (unit + width) * rows);
    if (scored !== undefined) run.f32.fill(0, scored * rows, (scored + width) * rows);
  };
}
