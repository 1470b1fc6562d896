import type { TreesStructure } from '../workload/structures.ts';
import { classifierTail } from './classifier.ts';
import { attribute, ELEMENT, encodeModel, node, tensorValue } from './onnx.ts';
import type { EnsembleShape } from './tree-shape.ts';

/** Parallel lists over all nodes of all trees, as ai.onnx.ml 1 has them. */
interface NodeLists {
  readonly treeIds: number[];
  readonly nodeIds: number[];
  readonly trueIds: number[];
  readonly falseIds: number[];
  readonly modes: string[];
}

/** And over all leaves. */
interface LeafLists {
  readonly treeIds: number[];
  readonly nodeIds: number[];
  readonly targetIds: number[];
}

/** The ensemble as converters of scikit-learn and LightGBM write it, with all numbers 0. */
export function encodeTrees(structure: TreesStructure, shape: EnsembleShape): Buffer {
  const { features, classes } = structure;
  const lists = listNodes(shape);
  const leaves = listLeaves(structure, shape);
  const shared = [
    attribute.ints('nodes_falsenodeids', lists.falseIds),
    attribute.ints('nodes_featureids', Array.from<number>({ length: shape.nodes }).fill(0)),
    attribute.floats('nodes_hitrates', shape.nodes),
    attribute.ints('nodes_missing_value_tracks_true', Array.from<number>({ length: shape.nodes }).fill(0)),
    attribute.texts('nodes_modes', lists.modes),
    attribute.ints('nodes_nodeids', lists.nodeIds),
    attribute.ints('nodes_treeids', lists.treeIds),
    attribute.ints('nodes_truenodeids', lists.trueIds),
    attribute.floats('nodes_values', shape.nodes),
  ];
  const inputs = [tensorValue('X', ELEMENT.float, [null, features.length])];
  const opsets = [
    ['ai.onnx.ml', 1],
    ['', 9],
  ] as const;
  if (classes === undefined) {
    const attributes = [
      attribute.int('n_targets', 1),
      ...shared,
      attribute.text('post_transform', 'NONE'),
      ...leafAttributes('target', leaves),
    ];
    const nodes = [node('TreeEnsembleRegressor', ['X'], ['variable'], attributes, 'ai.onnx.ml')];
    const outputs = [tensorValue('variable', ELEMENT.float, [null, 1])];
    return encodeModel('OnnxMLTools', opsets, { nodes, inputs, outputs });
  }
  const labels = Array.from({ length: classes }, (_, label) => label);
  const attributes = [
    ...leafAttributes('class', leaves),
    attribute.ints('classlabels_int64s', labels),
    ...shared,
    attribute.text('post_transform', postTransform(structure)),
  ];
  const ensemble = node(
    'TreeEnsembleClassifier',
    ['X'],
    ['label', 'probabilities'],
    attributes,
    'ai.onnx.ml',
  );
  const tail = classifierTail(labels);
  return encodeModel('skl2onnx', opsets, { nodes: [ensemble, ...tail.nodes], inputs, outputs: tail.outputs });
}

/** A forest's leaves hold probabilities already; a boosted leaf is a part of a score. */
function postTransform({ method, classes }: TreesStructure): string {
  if (method === 'forest') return 'NONE';
  return classes === 2 ? 'LOGISTIC' : 'SOFTMAX';
}

function leafAttributes(
  prefix: 'class' | 'target',
  { treeIds, nodeIds, targetIds }: LeafLists,
): ReturnType<typeof attribute.ints>[] {
  return [
    attribute.ints(`${prefix}_ids`, targetIds),
    attribute.ints(`${prefix}_nodeids`, nodeIds),
    attribute.ints(`${prefix}_treeids`, treeIds),
    attribute.floats(`${prefix}_weights`, targetIds.length),
  ];
}

function listNodes(shape: EnsembleShape): NodeLists {
  const lists: NodeLists = { treeIds: [], nodeIds: [], trueIds: [], falseIds: [], modes: [] };
  for (const [treeId, { branches, falseChildren }] of shape.trees.entries()) {
    for (const [nodeId, isBranch] of branches.entries()) {
      lists.treeIds.push(treeId);
      lists.nodeIds.push(nodeId);
      lists.trueIds.push(isBranch === 1 ? nodeId + 1 : 0);
      lists.falseIds.push(falseChildren[nodeId] as number);
      lists.modes.push(isBranch === 1 ? 'BRANCH_LEQ' : 'LEAF');
    }
  }
  return lists;
}

/** Boosting several classes, each tree works for one of them; else there is one score. */
function listLeaves({ classes }: TreesStructure, shape: EnsembleShape): LeafLists {
  const scores = classes === undefined || classes === 2 ? 1 : classes;
  const lists: LeafLists = { treeIds: [], nodeIds: [], targetIds: [] };
  for (const [treeId, { branches }] of shape.trees.entries()) {
    for (const [nodeId, isBranch] of branches.entries()) {
      if (isBranch === 1) continue;
      lists.treeIds.push(treeId);
      lists.nodeIds.push(nodeId);
      lists.targetIds.push(treeId % scores);
    }
  }
  return lists;
}
