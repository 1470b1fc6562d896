import type { PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { flagsAttribute, idsAttribute, modeNumbers, tensorAttribute } from './attributes.ts';
import { checkTargets, type Ensemble, MODE, weightsByNode } from './ensemble.ts';

/** The ensemble of a TreeEnsemble of version 5: its branches are the first nodes, its leaves the others. */
export function readVersion5(
  node: PlanNode,
  { targets, isDouble }: { targets: number; isDouble: boolean },
): Ensemble {
  const branchModes = modeNumbers(node, 'nodes_modes');
  const branches = branchModes.length;
  const leafTargets = idsAttribute(node, 'leaf_targetids');
  const leaves = leafTargets.length;
  checkTargets(leafTargets, targets, node);
  const sized = <T extends { readonly length: number }>(list: T, count: number, name: string): T => {
    if (list.length === count) return list;
    throw new NotCompiled(`has ${list.length} ${name} where ${count} belong (${node.name})`);
  };
  const ids = (name: string): Int32Array => sized(idsAttribute(node, name), branches, name);
  const numbers = (name: string, count: number): Float64Array =>
    sized(tensorAttribute(node, name, isDouble), count, name);
  const children = (side: 'true' | 'false'): Int32Array => {
    const isLeaf = ids(`nodes_${side}leafs`);
    const children = ids(`nodes_${side}nodeids`);
    return children.map((child, at) => {
      if (child >= (isLeaf[at] === 0 ? branches : leaves))
        throw new NotCompiled(`names node ${child}, which isn't there (${node.name})`);
      return isLeaf[at] === 0 ? child : branches + child;
    });
  };
  const modes = new Uint8Array(branches + leaves).fill(MODE.LEAF);
  modes.set(branchModes);
  const roots = Array.from(idsAttribute(node, 'tree_roots'));
  if (!roots.every((root) => root < branches))
    throw new NotCompiled(`has a root that isn't there (${node.name})`);
  const leafNodes = leafTargets.map((_, leaf) => branches + leaf);
  return {
    targets,
    modes,
    features: ids('nodes_featureids'),
    thresholds: numbers('nodes_splits', branches),
    trueChildren: children('true'),
    falseChildren: children('false'),
    missingTrue: flagsAttribute(node, 'nodes_missing_value_tracks_true', branches),
    roots,
    sharesLeaves: true,
    weights: weightsByNode(branches + leaves, leafNodes, leafTargets, numbers('leaf_weights', leaves)),
  };
}
