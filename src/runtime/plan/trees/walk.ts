import type { PlanMemory } from '../run.ts';

/** Leaves that are kept between walking and summing, rows times trees. */
export const KEPT_LEAVES = 4_096;

type Floats = Float32Array | Float64Array;

/** What a walk over some trees works on, all of it at hand: offsets are those of elements in their arrays. */
export class Walk {
  /** The leaf that each row reached: the rows of the first of these trees, then those of the next. */
  readonly leaves = new Int32Array(KEPT_LEAVES);
  inputs: Floats = new Float32Array();
  inputsAt = 0;
  columns = 0;
  rows = 0;
  memory: PlanMemory | undefined;
  branches: Uint16Array | Int32Array = new Uint16Array();
  branchesAt = 0;
  thresholds: Floats = new Float32Array();
  thresholdsAt = 0;
  /** How many branches each tree has. */
  sizesAt = 0;
}

/** The bits of a branch (model/plan/tree-steps.ts). */
export interface BranchBits {
  readonly featureMask: number;
  /** 0: there is no such flag. */
  readonly nanFirst: number;
  readonly equal: number;
  readonly skipAt: number;
}

/** Walks rows down these trees and answers the first branch of the next; `branch` is the first of the first. */
export type Walker = (walk: Walk, bits: BranchBits, tree: number, end: number, branch: number) => number;

/**
 * For floats, 16 bits a branch, thresholds that are the most a value may be, and no NaN that would have to go first: in
 * code of its own, so that the compiler knows every array.
 */
export const walkPlain: Walker = (walk, bits, tree, end, branch) => {
  const { leaves, rows, columns } = walk;
  const inputs = walk.inputs as Float32Array;
  const thresholds = walk.thresholds as Float32Array;
  const branches = walk.branches as Uint16Array;
  const sizes = (walk.memory as PlanMemory).i32;
  const { inputsAt, branchesAt, thresholdsAt, sizesAt } = walk;
  const { featureMask, skipAt } = bits;
  let to = 0;
  for (; tree < end; tree++) {
    const size = sizes[sizesAt + tree] as number;
    for (let row = 0, from = inputsAt; row < rows; row++, from += columns) {
      let at = branch;
      let leaf = branch + tree;
      // Branches below here: there is an end to it, whatever the row.
      let left = size;
      while (left > 0) {
        const bits = branches[branchesAt + at] as number;
        const skip = bits >> skipAt;
        if ((inputs[from + (bits & featureMask)] as number) <= (thresholds[thresholdsAt + at] as number)) {
          at++;
          left = skip - 1;
        } else {
          at += skip;
          leaf += skip;
          left -= skip;
        }
      }
      leaves[to++] = leaf;
    }
    branch += size;
  }
  return branch;
};

/** The same for anything. */
export const walkAny: Walker = (walk, bits, tree, end, branch) => {
  const { leaves, rows, columns, inputs, thresholds, branches } = walk;
  const sizes = (walk.memory as PlanMemory).i32;
  const { inputsAt, branchesAt, thresholdsAt, sizesAt } = walk;
  const { featureMask, skipAt, nanFirst, equal } = bits;
  let to = 0;
  for (; tree < end; tree++) {
    const size = sizes[sizesAt + tree] as number;
    for (let row = 0, from = inputsAt; row < rows; row++, from += columns) {
      let at = branch;
      let leaf = branch + tree;
      let left = size;
      while (left > 0) {
        const bits = branches[branchesAt + at] as number;
        const skip = bits >> skipAt;
        const value = inputs[from + (bits & featureMask)] as number;
        const threshold = thresholds[thresholdsAt + at] as number;
        const isFirst =
          ((bits & equal) === 0 ? value <= threshold : value === threshold) ||
          ((bits & nanFirst) !== 0 && Number.isNaN(value));
        if (isFirst) {
          at++;
          left = skip - 1;
        } else {
          at += skip;
          leaf += skip;
          left -= skip;
        }
      }
      leaves[to++] = leaf;
    }
    branch += size;
  }
  return branch;
};
