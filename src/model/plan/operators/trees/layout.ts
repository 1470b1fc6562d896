import type { PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { type Ensemble, MODE } from './ensemble.ts';
import { type Split, splitOf } from './split.ts';

/** Trees in the order in which they are walked (tree-steps.ts). */
export interface TreeLayout {
  /** Branches of each tree. */
  readonly sizes: Int32Array;
  /** By branch, tree after tree, each in pre-order: first child's branches, then the second's. */
  readonly features: Uint16Array;
  readonly thresholds: Float64Array;
  readonly nanFirst: Uint8Array;
  readonly isEqual: Uint8Array;
  /** To the second child's branches, from the branch. */
  readonly skips: Int32Array;
  /** The ensemble's node of each leaf, in the same order. */
  readonly leaves: Int32Array;
  /** Branches that a row visits on its way, about. */
  readonly visits: number;
}

/** Every branch is laid out once, so the walk of any row ends. Throws NotCompiled for what isn't a forest. */
export function layOut(
  ensemble: Ensemble,
  columns: number,
  { isDouble, hasNan, node }: { isDouble: boolean; hasNan: boolean; node: PlanNode },
): TreeLayout {
  const walker = new LayoutWalker(ensemble, columns, { isDouble, hasNan, name: node.name });
  for (const [tree, root] of ensemble.roots.entries()) walker.layTree(tree, root);
  return walker.end();
}

class LayoutWalker {
  readonly #ensemble: Ensemble;
  readonly #columns: number;
  readonly #isDouble: boolean;
  readonly #hasNan: boolean;
  readonly #name: string;
  readonly #seen: Uint8Array;
  readonly #layout: TreeLayout & { visits: number };
  readonly #split: Split = { threshold: 0, isEqual: false, nanFirst: false, isSwapped: false };
  #branches = 0;
  #leaves = 0;

  constructor(
    ensemble: Ensemble,
    columns: number,
    { isDouble, hasNan, name }: { isDouble: boolean; hasNan: boolean; name: string },
  ) {
    this.#ensemble = ensemble;
    this.#columns = columns;
    this.#isDouble = isDouble;
    this.#hasNan = hasNan;
    this.#name = name;
    const { modes, roots } = ensemble;
    let branches = 0;
    for (const mode of modes) if (mode !== MODE.LEAF) branches++;
    this.#seen = new Uint8Array(modes.length);
    this.#layout = {
      sizes: new Int32Array(roots.length),
      features: new Uint16Array(branches),
      thresholds: new Float64Array(branches),
      nanFirst: new Uint8Array(branches),
      isEqual: new Uint8Array(branches),
      skips: new Int32Array(branches),
      leaves: new Int32Array(branches + roots.length),
      visits: 0,
    };
  }

  layTree(tree: number, root: number): void {
    const { skips, sizes } = this.#layout;
    const first = this.#branches;
    const leaf = this.#leaves;
    let depths = 0;
    // Second children that wait, with the branches they are of and their depths.
    const waiting: number[] = [];
    for (let node = root, depth = 0; ; ) {
      this.#see(node);
      if (this.#ensemble.modes[node] !== MODE.LEAF) {
        const second = this.#layBranch(node);
        depth++;
        waiting.push(second, this.#branches - 1, depth);
        node = this.#split.isSwapped
          ? (this.#ensemble.falseChildren[node] as number)
          : (this.#ensemble.trueChildren[node] as number);
        continue;
      }
      this.#layout.leaves[this.#leaves++] = node;
      depths += depth;
      if (waiting.length === 0) break;
      depth = waiting.pop() as number;
      const branch = waiting.pop() as number;
      node = waiting.pop() as number;
      skips[branch] = this.#branches - branch;
    }
    sizes[tree] = this.#branches - first;
    this.#layout.visits += depths / (this.#leaves - leaf);
  }

  end(): TreeLayout {
    const { sharesLeaves, modes } = this.#ensemble;
    const isWhole = this.#branches === this.#layout.features.length;
    // What the layout has not come by is not checked either. Leaves may be named twice, or not at all, in version 5.
    if (!isWhole || (!sharesLeaves && this.#branches + this.#leaves !== modes.length))
      throw new NotCompiled(`has nodes of trees that no way leads to (${this.#name})`);
    const { sizes, features, thresholds, nanFirst, isEqual, skips, leaves, visits } = this.#layout;
    return {
      sizes,
      features: features.subarray(0, this.#branches),
      thresholds: thresholds.subarray(0, this.#branches),
      nanFirst: nanFirst.subarray(0, this.#branches),
      isEqual: isEqual.subarray(0, this.#branches),
      skips: skips.subarray(0, this.#branches),
      leaves: leaves.subarray(0, this.#leaves),
      visits,
    };
  }

  #see(node: number): void {
    const isLeaf = this.#ensemble.modes[node] === MODE.LEAF;
    if (this.#seen[node] === 1 && !(isLeaf && this.#ensemble.sharesLeaves))
      throw new NotCompiled(`has a tree in which two ways lead to one node (${this.#name})`);
    this.#seen[node] = 1;
  }

  /** Answers its second child. */
  #layBranch(node: number): number {
    const { modes, features, thresholds, missingTrue, trueChildren, falseChildren } = this.#ensemble;
    const feature = features[node] as number;
    if (feature >= this.#columns)
      throw new NotCompiled(`has trees of column ${feature} where ${this.#columns} are (${this.#name})`);
    const split = this.#split;
    const threshold = thresholds[node] as number;
    splitOf(split, modes[node] as number, threshold, missingTrue[node] === 1, this.#isDouble);
    const at = this.#branches++;
    this.#layout.features[at] = feature;
    this.#layout.thresholds[at] = split.threshold;
    this.#layout.nanFirst[at] = split.nanFirst && this.#hasNan ? 1 : 0;
    this.#layout.isEqual[at] = split.isEqual ? 1 : 0;
    return (split.isSwapped ? trueChildren[node] : falseChildren[node]) as number;
  }
}
