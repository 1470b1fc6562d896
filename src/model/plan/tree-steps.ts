import type { Labels, PostTransform } from './classical-steps.ts';

/** Steps of the tree ensembles. */
export type TreeStep = TreesStep | TreeScoresStep | TreeClassesStep;

/** A section of floats or doubles. */
export interface TreeNumbers {
  readonly section: number;
  readonly isDouble: boolean;
}

/**
 * Sums (or the least, greatest) of the leaves that a row reaches in each tree, tree after tree, rounded after each.
 *
 * Branches stand in pre-order, leaves apart and in the same order: b branches have b + 1 leaves, so what is skipped on
 * the way to a second child is as many branches as leaves, and one number a branch says how many: a walk knows by
 * itself when it is at a leaf, and at which. Of a branch's bits in `branches` (16, or 32 when `isWide`) the lowest
 * `featureBits` are the feature, then come the flags that there are, above them the skip.
 */
export interface TreesStep {
  readonly op: 'trees';
  readonly aggregate: TreeAggregate;
  /** A register of floats, doubles or integers, which are rounded to floats. */
  readonly input: number;
  /** A register of as many columns as there are targets; its kind is what sums are rounded to. */
  readonly sums: number;
  /** A section of 32-bit integers: how many trees, and of each how many branches. */
  readonly sizes: number;
  readonly branches: number;
  readonly isWide: boolean;
  readonly featureBits: number;
  /** A flag: NaN goes to the first child. */
  readonly hasNanFirst: boolean;
  /** A flag: what is equal goes to the first child, not what is at most the threshold. */
  readonly hasEqual: boolean;
  /** A section of doubles when the input is; else of keys (operators/trees/float-keys.ts). */
  readonly thresholds: number;
  readonly leaves: TreeLeaves;
}

export type TreeAggregate = 'sum' | 'min' | 'max';

/** How leaves are laid out. */
export type TreeLeaves =
  /** One weight each, all for one target. */
  | { readonly kind: 'one'; readonly weights: TreeNumbers; readonly target: number }
  /** One weight each; all of a tree are for one target, a section of 16-bit numbers by tree. */
  | { readonly kind: 'tree'; readonly weights: TreeNumbers; readonly targets: number }
  /** A weight for each target. */
  | { readonly kind: 'all'; readonly weights: TreeNumbers }
  /**
   * Any: those of leaf n are from starts[n] to starts[n + 1] (32 bits), with their targets (16 bits). `scored` is a
   * register of floats by target: 1 when a leaf had a weight for it.
   */
  | {
      readonly kind: 'some';
      readonly weights: TreeNumbers;
      readonly starts: number;
      readonly targets: number;
      readonly scored: number;
    };

interface FromSums {
  readonly sums: number;
  /** Absent: no leaf's weights depend on the row, and only the `unscored` targets have none. */
  readonly scored?: number;
  readonly unscored: readonly number[];
  /** Added to the sums: how many, and where. */
  readonly baseValues: { readonly count: number; readonly numbers: TreeNumbers };
  readonly postTransform: PostTransform;
  readonly output: number;
}

/** What a regression answers of the sums. */
export interface TreeScoresStep extends FromSums {
  readonly op: 'tree-scores';
  readonly aggregate: TreeAggregate;
  /** The section whose first number is how many trees there are, by which sums are divided. */
  readonly average?: number;
}

/** What a classification answers of the sums: by ONNX Runtime's rules for two classes, or the greatest. */
export interface TreeClassesStep extends FromSums {
  readonly op: 'tree-classes';
  /** Two classes, and one number tells which. */
  readonly isBinary: boolean;
  /** A section of one 32-bit integer: 1 when no weight is below zero, so that the number is a share. */
  readonly shares: number;
  readonly labels: Labels;
  readonly label: number;
}
