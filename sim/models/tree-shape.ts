import type { Rng } from '../workload/rng.ts';
import type { TreesStructure } from '../workload/structures.ts';

/** The branches and leaves of an ensemble, tree after tree, each in pre-order: a branch's true child is the next node. */
export interface EnsembleShape {
  readonly trees: readonly TreeShape[];
  readonly nodes: number;
  readonly leaves: number;
}

export interface TreeShape {
  /** Length is the number of nodes; 1 is a branch, 0 a leaf. */
  readonly branches: Uint8Array;
  /** A branch's false child; 0 for leaves. */
  readonly falseChildren: Uint32Array;
}

/** Unbalanced, as trees grown on data are; never a lone leaf. */
export function growEnsemble({ maxDepth, nodes: wanted }: TreesStructure, rng: Rng): EnsembleShape {
  const trees: TreeShape[] = [];
  let nodes = 0;
  while (nodes < wanted) {
    const tree = growTree(maxDepth, rng);
    trees.push(tree);
    nodes += tree.branches.length;
  }
  // A binary tree has one leaf more than branches.
  return { trees, nodes, leaves: (nodes + trees.length) / 2 };
}

function growTree(maxDepth: number, rng: Rng): TreeShape {
  const branches: number[] = [];
  const falseChildren: number[] = [];
  const grow = (depth: number): void => {
    const id = branches.length;
    const isLeaf = depth >= maxDepth || (depth > 1 && rng.unit() < LEAF_SHARE);
    branches.push(isLeaf ? 0 : 1);
    falseChildren.push(0);
    if (isLeaf) return;
    grow(depth + 1);
    falseChildren[id] = branches.length;
    grow(depth + 1);
  };
  grow(0);
  return { branches: Uint8Array.from(branches), falseChildren: Uint32Array.from(falseChildren) };
}

/** How many nodes stop early. */
const LEAF_SHARE = 0.12;
