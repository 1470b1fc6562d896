import type { PlanBuilder } from '../../builder.ts';
import type { TreeLeaves, TreeNumbers } from '../../tree-steps.ts';
import type { Ensemble } from './ensemble.ts';
import type { TreeLayout } from './layout.ts';

/** Leaves as they are laid out, and which targets they have weights for. */
export interface LaidLeaves {
  readonly leaves: TreeLeaves;
  /** Targets for which every row has a weight. */
  readonly always: ReadonlySet<number>;
  /** Targets for which no row has any. */
  readonly never: readonly number[];
}

/** The smallest layout that holds them. */
export function layLeaves(ensemble: Ensemble, layout: TreeLayout, builder: PlanBuilder): LaidLeaves {
  const { targets } = ensemble;
  const byTree = targetsByTree(ensemble, layout);
  if (byTree !== undefined) {
    const always = new Set(byTree);
    const never = allTargets(targets).filter((target) => !always.has(target));
    const weights = packNumbers(builder, valuesOf(ensemble, layout));
    const [target] = byTree;
    const leaves: TreeLeaves =
      always.size === 1
        ? { kind: 'one', weights, target: target as number }
        : { kind: 'tree', weights, targets: builder.section(Uint16Array.from(byTree)) };
    return { leaves, always, never };
  }
  const dense = denseValues(ensemble, layout);
  if (dense !== undefined) {
    const leaves: TreeLeaves = { kind: 'all', weights: packNumbers(builder, dense) };
    return { leaves, always: new Set(allTargets(targets)), never: [] };
  }
  return sparseLeaves(ensemble, layout, builder);
}

/** The one target of each tree; undefined when it isn't one, or a leaf has not exactly one weight. */
function targetsByTree({ weights }: Ensemble, { sizes, leaves }: TreeLayout): Int32Array | undefined {
  const byTree = new Int32Array(sizes.length);
  let at = 0;
  for (let tree = 0; tree < sizes.length; tree++) {
    const end = at + (sizes[tree] as number) + 1;
    let target = -1;
    for (; at < end; at++) {
      const leaf = leaves[at] as number;
      const start = weights.starts[leaf] as number;
      if (weights.starts[leaf + 1] !== start + 1) return undefined;
      const own = weights.targets[start] as number;
      if (target !== -1 && own !== target) return undefined;
      target = own;
    }
    byTree[tree] = target;
  }
  return byTree;
}

function valuesOf({ weights }: Ensemble, { leaves }: TreeLayout): Float64Array {
  const values = new Float64Array(leaves.length);
  for (let at = 0; at < leaves.length; at++)
    values[at] = weights.values[weights.starts[leaves[at] as number] as number] as number;
  return values;
}

/** A value for each target of each leaf; undefined when one has none, or two. */
function denseValues({ weights, targets }: Ensemble, { leaves }: TreeLayout): Float64Array | undefined {
  for (const leaf of leaves)
    if ((weights.starts[leaf + 1] as number) - (weights.starts[leaf] as number) !== targets) return undefined;
  const values = new Float64Array(leaves.length * targets);
  const seenBy = new Int32Array(targets).fill(-1);
  for (let at = 0; at < leaves.length; at++) {
    const start = weights.starts[leaves[at] as number] as number;
    for (let index = start; index < start + targets; index++) {
      const target = weights.targets[index] as number;
      if (seenBy[target] === at) return undefined;
      seenBy[target] = at;
      values[at * targets + target] = weights.values[index] as number;
    }
  }
  return values;
}

function sparseLeaves(ensemble: Ensemble, layout: TreeLayout, builder: PlanBuilder): LaidLeaves {
  const { weights, targets } = ensemble;
  const starts = new Int32Array(layout.leaves.length + 1);
  const ids: number[] = [];
  const values: number[] = [];
  for (const [at, leaf] of layout.leaves.entries()) {
    for (let index = weights.starts[leaf] as number; index < (weights.starts[leaf + 1] as number); index++) {
      ids.push(weights.targets[index] as number);
      values.push(weights.values[index] as number);
    }
    starts[at + 1] = ids.length;
  }
  const leaves: TreeLeaves = {
    kind: 'some',
    weights: packNumbers(builder, Float64Array.from(values)),
    starts: builder.section(starts),
    targets: builder.section(Uint16Array.from(ids)),
    scored: builder.row('FP32', [targets]).register,
  };
  const present = new Set(ids);
  const never = allTargets(targets).filter((target) => !present.has(target));
  return { leaves, always: alwaysScored(layout.sizes, starts, ids), never };
}

/** Those that all leaves of one tree have. */
function alwaysScored(sizes: Int32Array, starts: Int32Array, ids: readonly number[]): Set<number> {
  const always = new Set<number>();
  let leaf = 0;
  for (const size of sizes) {
    let common: Set<number> | undefined;
    for (const end = leaf + size + 1; leaf < end; leaf++) {
      const own = new Set(ids.slice(starts[leaf], starts[leaf + 1]));
      common = common === undefined ? own : new Set([...common].filter((target) => own.has(target)));
    }
    for (const target of common ?? []) always.add(target);
  }
  return always;
}

function allTargets(targets: number): number[] {
  return Array.from({ length: targets }, (_, target) => target);
}

/** As floats where that loses nothing: doubles of a list of floats are. */
export function packNumbers(builder: PlanBuilder, numbers: Float64Array): TreeNumbers {
  const floats = Float32Array.from(numbers);
  const isDouble = !numbers.every((number, index) => Object.is(number, floats[index]));
  return { section: builder.section(isDouble ? numbers : floats), isDouble };
}
