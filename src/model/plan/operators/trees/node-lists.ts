import type { PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { flagsAttribute, idsAttribute, modeNames, numbersAttribute } from './attributes.ts';
import { checkTargets, type Ensemble, MODE, weightsByNode } from './ensemble.ts';

/** Names of the lists of weights: class_ids or target_ids, and so on. */
export type WeightPrefix = 'class' | 'target';

/** The ensemble of a TreeEnsembleClassifier or TreeEnsembleRegressor. */
export function readNodeLists(
  node: PlanNode,
  { prefix, targets, isDouble }: { prefix: WeightPrefix; targets: number; isDouble: boolean },
): Ensemble {
  const modes = modeNames(node, 'nodes_modes');
  const count = modes.length;
  const list = (name: string): Int32Array => sized(idsAttribute(node, name), count, name, node);
  const treeIds = list('nodes_treeids');
  const index = new NodeIndex(treeIds, list('nodes_nodeids'), node);
  const isBranch = (at: number): boolean => modes[at] !== MODE.LEAF;
  const children = (name: string): Int32Array => {
    const ids = list(name);
    return ids.map((id, at) => (isBranch(at) ? index.find(treeIds[at] as number, id) : 0));
  };
  return {
    targets,
    modes,
    features: list('nodes_featureids'),
    thresholds: sized(numbersAttribute(node, 'nodes_values', isDouble), count, 'nodes_values', node),
    trueChildren: children('nodes_truenodeids'),
    falseChildren: children('nodes_falsenodeids'),
    missingTrue: flagsAttribute(node, 'nodes_missing_value_tracks_true', count),
    roots: index.firstNodes,
    sharesLeaves: false,
    weights: readWeights(node, index, { prefix, targets, isDouble, count, isBranch }),
  };
}

function readWeights(
  node: PlanNode,
  index: NodeIndex,
  options: {
    prefix: WeightPrefix;
    targets: number;
    isDouble: boolean;
    count: number;
    isBranch: (at: number) => boolean;
  },
): Ensemble['weights'] {
  const { prefix, targets, isDouble, count, isBranch } = options;
  const ids = idsAttribute(node, `${prefix}_ids`);
  checkTargets(ids, targets, node);
  const list = (name: string): Int32Array => sized(idsAttribute(node, name), ids.length, name, node);
  const treeIds = list(`${prefix}_treeids`);
  // Old converters wrote weights of branches, which mean nothing.
  const nodes = list(`${prefix}_nodeids`).map((id, at) => {
    const found = index.find(treeIds[at] as number, id);
    return isBranch(found) ? -1 : found;
  });
  const name = `${prefix}_weights`;
  const values = sized(numbersAttribute(node, name, isDouble), ids.length, name, node);
  return weightsByNode(count, nodes, ids, values);
}

function sized<T extends { readonly length: number }>(
  list: T,
  count: number,
  name: string,
  node: PlanNode,
): T {
  if (list.length === count) return list;
  throw new NotCompiled(`has ${list.length} ${name} where ${count} belong (${node.name})`);
}

/** Finds nodes by tree and id. The nodes of a tree stand together; its first is its root. */
class NodeIndex {
  readonly firstNodes: number[] = [];
  readonly #nodeIds: Int32Array;
  readonly #trees = new Map<number, { first: number; end: number; others?: Map<number, number> }>();
  readonly #name: string;

  constructor(treeIds: Int32Array, nodeIds: Int32Array, { name }: PlanNode) {
    this.#nodeIds = nodeIds;
    this.#name = name;
    for (let first = 0; first < treeIds.length; ) {
      const tree = treeIds[first] as number;
      let end = first + 1;
      while (end < treeIds.length && treeIds[end] === tree) end++;
      if (this.#trees.has(tree)) throw new NotCompiled(`has nodes of tree ${tree} in two places (${name})`);
      this.#trees.set(tree, { first, end });
      this.firstNodes.push(first);
      first = end;
    }
  }

  find(tree: number, id: number): number {
    const found = this.#trees.get(tree);
    if (found === undefined) throw new NotCompiled(`names tree ${tree}, which isn't there (${this.#name})`);
    // Mostly they are numbered in order.
    const inOrder = found.first + id;
    if (found.others === undefined && inOrder < found.end && this.#nodeIds[inOrder] === id) return inOrder;
    found.others ??= this.#numbered(tree, found.first, found.end);
    const at = found.others.get(id);
    if (at === undefined)
      throw new NotCompiled(`names node ${id} of tree ${tree}, which isn't there (${this.#name})`);
    return at;
  }

  #numbered(tree: number, first: number, end: number): Map<number, number> {
    const ids = new Map<number, number>();
    for (let at = first; at < end; at++) ids.set(this.#nodeIds[at] as number, at);
    if (ids.size < end - first) throw new NotCompiled(`has a node twice in tree ${tree} (${this.#name})`);
    return ids;
  }
}
