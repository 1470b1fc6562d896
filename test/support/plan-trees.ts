import { ELEMENT, model, node, value } from './onnx-builder.ts';

/** A TreeEnsembleRegressor over floats, written list by list. */
export interface RegressorLists {
  readonly treeIds: readonly number[];
  readonly nodeIds: readonly number[];
  readonly features: readonly number[];
  readonly modes: readonly string[];
  readonly values: readonly number[];
  readonly trueIds: readonly number[];
  readonly falseIds: readonly number[];
  readonly weights: readonly {
    readonly tree: number;
    readonly node: number;
    readonly target: number;
    readonly value: number;
  }[];
  readonly targets: number;
  readonly columns: number;
}

/** x[0] <= 0.5 ? 1 : (x[1] <= 2 ? 2 : 3). */
export const SMALL_TREE: RegressorLists = {
  treeIds: [0, 0, 0, 0, 0],
  nodeIds: [0, 1, 2, 3, 4],
  features: [0, 0, 1, 0, 0],
  modes: ['BRANCH_LEQ', 'LEAF', 'BRANCH_LEQ', 'LEAF', 'LEAF'],
  values: [0.5, 0, 2, 0, 0],
  trueIds: [1, 0, 3, 0, 0],
  falseIds: [2, 0, 4, 0, 0],
  weights: [
    { tree: 0, node: 1, target: 0, value: 1 },
    { tree: 0, node: 3, target: 0, value: 2 },
    { tree: 0, node: 4, target: 0, value: 3 },
  ],
  targets: 1,
  columns: 2,
};

export function regressor(lists: RegressorLists): Uint8Array {
  const ints = (values: readonly number[]): bigint[] => values.map(BigInt);
  const { weights } = lists;
  const trees = node(
    'TreeEnsembleRegressor',
    ['x'],
    ['y'],
    {
      n_targets: BigInt(lists.targets),
      nodes_treeids: ints(lists.treeIds),
      nodes_nodeids: ints(lists.nodeIds),
      nodes_featureids: ints(lists.features),
      nodes_modes: lists.modes,
      nodes_values: lists.values,
      nodes_truenodeids: ints(lists.trueIds),
      nodes_falsenodeids: ints(lists.falseIds),
      target_treeids: ints(weights.map(({ tree }) => tree)),
      target_nodeids: ints(weights.map(({ node }) => node)),
      target_ids: ints(weights.map(({ target }) => target)),
      target_weights: weights.map(({ value }) => value),
    },
    'ai.onnx.ml',
  );
  return model({
    input: [value('x', ELEMENT.float, ['n', lists.columns])],
    output: [value('y', ELEMENT.float, ['n', lists.targets])],
    node: [trees],
  });
}

/** One branch after the other: every true child is a leaf. Of branch n: x[0] <= n, and its leaf is n. */
export function chain(branches: number, columns: number): RegressorLists {
  const nodes = 2 * branches + 1;
  const ids = Array.from({ length: nodes }, (_, id) => id);
  const isBranch = (id: number): boolean => id % 2 === 0 && id < nodes - 1;
  return {
    treeIds: ids.map(() => 0),
    nodeIds: ids,
    features: ids.map(() => 0),
    modes: ids.map((id) => (isBranch(id) ? 'BRANCH_LEQ' : 'LEAF')),
    values: ids.map((id) => (isBranch(id) ? id / 2 : 0)),
    trueIds: ids.map((id) => (isBranch(id) ? id + 1 : 0)),
    falseIds: ids.map((id) => (isBranch(id) ? id + 2 : 0)),
    weights: ids
      .filter((id) => !isBranch(id))
      .map((id) => ({ tree: 0, node: id, target: 0, value: (id - 1) / 2 })),
    targets: 1,
    columns,
  };
}
