import type { NamedTensor } from '../../src/model/signature.ts';
import { ELEMENT, model, node, type NodeInit, value } from './onnx-builder.ts';
import { Dice, type Draw, drawEnsemble, type DrawnNode, type DrawnTree } from './plan-fuzz-forest.ts';
import type { FuzzCase } from './plan-fuzz.ts';

/** A random tree ensemble of any kind, with rows at, just below and just above its thresholds. */
export function randomEnsemble(random: () => number): FuzzCase {
  const dice = new Dice(random);
  const op = dice.pick(['TreeEnsembleClassifier', 'TreeEnsembleRegressor', 'TreeEnsemble'] as const);
  const datatype = drawType(dice, op);
  const isDouble = datatype === 'FP64';
  const columns = dice.unit() < 0.1 ? 300 : 1 + dice.below(8);
  const targets =
    op === 'TreeEnsembleClassifier' ? 2 + dice.below(4) * dice.below(2) : 1 + dice.below(2) * dice.below(4);
  const draw: Draw = {
    dice,
    columns,
    targets,
    isDouble: isDouble && op !== 'TreeEnsemble' ? dice.unit() < 0.5 : isDouble,
  };
  const trees = drawEnsemble(draw);
  const made = op === 'TreeEnsemble' ? version5(draw, trees, isDouble) : nodeLists(op, draw, trees);
  const isClassifier = op === 'TreeEnsembleClassifier';
  const output = made.isTextual ? ELEMENT.string : ELEMENT.int64;
  const scores = op === 'TreeEnsemble' && isDouble ? ELEMENT.double : ELEMENT.float;
  const artifact = model(
    {
      input: [value('x', ELEMENT_OF[datatype], ['n', columns])],
      output: [
        ...(isClassifier ? [value('label', output, ['n'])] : []),
        value('scores', scores, ['n', targets]),
      ],
      node: [made.node],
    },
    {
      opsets: [
        ['', 17],
        ['ai.onnx.ml', op === 'TreeEnsemble' ? 5 : 3],
      ],
      irVersion: op === 'TreeEnsemble' ? 10 : 8,
    },
  );
  return { artifact, inputs: [rowsOf(draw, trees, datatype)], isExact: made.isExact };
}

const ELEMENT_OF = {
  FP32: ELEMENT.float,
  FP64: ELEMENT.double,
  INT64: ELEMENT.int64,
  INT32: ELEMENT.int32,
} as const;
type InputType = keyof typeof ELEMENT_OF;

function drawType(dice: Dice, op: string): InputType {
  if (dice.unit() < 0.6) return 'FP32';
  return op === 'TreeEnsembleClassifier' ? dice.pick(['FP64', 'INT64', 'INT32']) : 'FP64';
}

const TRANSFORMS = ['NONE', 'SOFTMAX', 'LOGISTIC', 'SOFTMAX_ZERO', 'PROBIT'];
const AGGREGATES = ['AVERAGE', 'SUM', 'MIN', 'MAX'];

interface MadeNode {
  readonly node: NodeInit;
  readonly isTextual: boolean;
  /** Nothing but sums: to be equal bit for bit. */
  readonly isExact: boolean;
}

function nodeLists(op: string, draw: Draw, trees: readonly DrawnTree[]): MadeNode {
  const { dice, targets } = draw;
  const isClassifier = op === 'TreeEnsembleClassifier';
  const flat = trees.flatMap((tree) => tree.nodes.map((own) => ({ tree, own })));
  const transform = dice.unit() < 0.4 ? 'NONE' : dice.pick(TRANSFORMS);
  const prefix = isClassifier ? 'class' : 'target';
  const weights = trees.flatMap((tree) =>
    tree.nodes.flatMap((own) => own.weights.map((weight) => ({ tree, own, ...weight }))),
  );
  if (dice.unit() < 0.3) dice.shuffle(weights);
  const bases = drawBases(draw, isClassifier);
  const tracks = flat.some(({ own }) => own.missingTrue) || dice.unit() < 0.5;
  const ints = (values: readonly number[]): bigint[] => values.map(BigInt);
  const isTextual = isClassifier && dice.unit() < 0.5;
  const numbers = (name: string, values: readonly number[]): Record<string, never> | object =>
    draw.isDouble
      ? { [`${name}_as_tensor`]: { tensor: doubles(values) } }
      : values.length === 0
        ? {}
        : { [name]: values };
  const labels = isTextual
    ? { classlabels_strings: Array.from({ length: targets }, (_, at) => `class ${at}`) }
    : { classlabels_int64s: ints(Array.from({ length: targets }, (_, at) => 5 * at - 3)) };
  const attributes = {
    nodes_treeids: ints(flat.map(({ tree }) => tree.id)),
    nodes_nodeids: ints(flat.map(({ own }) => own.id)),
    nodes_featureids: ints(flat.map(({ own }) => own.feature)),
    nodes_modes: flat.map(({ own }) => own.mode),
    nodes_truenodeids: ints(flat.map(({ own }) => own.trueId)),
    nodes_falsenodeids: ints(flat.map(({ own }) => own.falseId)),
    ...(tracks
      ? { nodes_missing_value_tracks_true: ints(flat.map(({ own }) => Number(own.missingTrue))) }
      : {}),
    ...numbers(
      'nodes_values',
      flat.map(({ own }) => own.threshold),
    ),
    [`${prefix}_treeids`]: ints(weights.map(({ tree }) => tree.id)),
    [`${prefix}_nodeids`]: ints(weights.map(({ own }) => own.id)),
    [`${prefix}_ids`]: ints(weights.map(({ target }) => target)),
    ...numbers(
      `${prefix}_weights`,
      weights.map(({ weight }) => weight),
    ),
    ...(bases.length > 0 ? numbers('base_values', bases) : {}),
    post_transform: transform,
    ...(isClassifier ? labels : { n_targets: BigInt(targets), aggregate_function: dice.pick(AGGREGATES) }),
  };
  return {
    node: node(op, ['x'], isClassifier ? ['label', 'scores'] : ['scores'], attributes, 'ai.onnx.ml'),
    isTextual,
    isExact: transform === 'NONE',
  };
}

const VERSION5_MODES = ['BRANCH_LEQ', 'BRANCH_LT', 'BRANCH_GTE', 'BRANCH_GT', 'BRANCH_EQ', 'BRANCH_NEQ'];

/** A lone leaf is written as a branch both of whose children are it. */
function addRoot(nodes: DrawnNode[]): void {
  const [leaf] = nodes;
  if (leaf === undefined || nodes.length > 1) return;
  const children = { trueId: leaf.id, falseId: leaf.id };
  nodes.unshift({ ...leaf, ...children, id: leaf.id + 1, mode: 'BRANCH_LEQ', weights: [] });
}

function version5({ dice, targets }: Draw, trees: readonly DrawnTree[], isDouble: boolean): MadeNode {
  for (const { nodes } of trees) addRoot(nodes);
  const flat = trees.flatMap((tree) => tree.nodes.map((own) => ({ tree, own })));
  const branches = flat.filter(({ own }) => own.mode !== 'LEAF');
  const leaves = flat.filter(({ own }) => own.mode === 'LEAF');
  const places = new Map<string, { at: number; isLeaf: boolean }>();
  for (const [at, { tree, own }] of branches.entries())
    places.set(`${tree.id}/${own.id}`, { at, isLeaf: false });
  for (const [at, { tree, own }] of leaves.entries())
    places.set(`${tree.id}/${own.id}`, { at, isLeaf: true });
  const child = (side: 'trueId' | 'falseId'): { at: number; isLeaf: boolean }[] =>
    branches.map(({ tree, own }) => places.get(`${tree.id}/${own[side]}`) as { at: number; isLeaf: boolean });
  const ints = (values: readonly (number | boolean)[]): bigint[] =>
    values.map((value) => BigInt(Number(value)));
  const numbers = (values: readonly number[]): { tensor: object } => ({
    tensor: isDouble ? doubles(values) : floats(values),
  });
  const transform = dice.unit() < 0.5 ? 0 : dice.below(5);
  const tracks = branches.some(({ own }) => own.missingTrue);
  const bytes = branches.map(({ own }) => VERSION5_MODES.indexOf(own.mode));
  const attributes = {
    n_targets: BigInt(targets),
    aggregate_function: BigInt(dice.below(4)),
    post_transform: BigInt(transform),
    tree_roots: ints(trees.map((tree) => places.get(`${tree.id}/${tree.nodes[0]?.id}`)?.at as number)),
    nodes_modes: {
      tensor: { dims: [BigInt(bytes.length)], dataType: ELEMENT.uint8, rawData: Uint8Array.from(bytes) },
    },
    nodes_featureids: ints(branches.map(({ own }) => own.feature)),
    nodes_splits: numbers(branches.map(({ own }) => own.threshold)),
    nodes_truenodeids: ints(child('trueId').map(({ at }) => at)),
    nodes_trueleafs: ints(child('trueId').map(({ isLeaf }) => isLeaf)),
    nodes_falsenodeids: ints(child('falseId').map(({ at }) => at)),
    nodes_falseleafs: ints(child('falseId').map(({ isLeaf }) => isLeaf)),
    ...(tracks ? { nodes_missing_value_tracks_true: ints(branches.map(({ own }) => own.missingTrue)) } : {}),
    leaf_targetids: ints(leaves.map(({ own }) => own.weights[0]?.target ?? 0)),
    leaf_weights: numbers(leaves.map(({ own }) => own.weights[0]?.weight ?? 1.5)),
  };
  return {
    node: node('TreeEnsemble', ['x'], ['scores'], attributes, 'ai.onnx.ml'),
    isTextual: false,
    isExact: transform === 0,
  };
}

function floats(values: readonly number[]): object {
  return { dims: [BigInt(values.length)], dataType: ELEMENT.float, floatData: [...values] };
}

function doubles(values: readonly number[]): object {
  return { dims: [BigInt(values.length)], dataType: ELEMENT.double, doubleData: [...values] };
}

function drawBases({ dice, targets, isDouble }: Draw, isClassifier: boolean): number[] {
  if (dice.unit() < 0.4) return [];
  const count = isClassifier && targets === 2 && dice.unit() < 0.5 ? 1 : targets;
  return Array.from({ length: count }, () => {
    const base = dice.between(-1, 1);
    return isDouble ? base : Math.fround(base);
  });
}

const ODD = [
  Number.NaN,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  0,
  -0,
  2 ** -149,
  -(2 ** -149),
  3e38,
];

/** Mostly a few rows, sometimes more than one block of them. */
function rowsOf({ dice, columns }: Draw, trees: readonly DrawnTree[], datatype: InputType): NamedTensor {
  const byColumn = Array.from({ length: columns }, (): number[] => []);
  for (const { nodes } of trees)
    for (const { mode, feature, threshold } of nodes) if (mode !== 'LEAF') byColumn[feature]?.push(threshold);
  const rows = dice.unit() < 0.05 ? 300 : dice.pick([1, 2, 24, 24]);
  const values = Array.from({ length: rows * columns }, (_, at) => {
    const thresholds = byColumn[at % columns] as number[];
    const drawn = dice.unit();
    if (drawn < 0.15) return dice.pick(ODD);
    if (drawn < 0.3 || thresholds.length === 0) return dice.between(-4, 4);
    const threshold = dice.pick(thresholds);
    return dice.pick([threshold, beside(threshold, 1, datatype), beside(threshold, -1, datatype)]);
  });
  return {
    name: 'x',
    datatype,
    shape: [rows, columns],
    data: encode(values, datatype),
  };
}

/** Just above or below, in the input's type. */
function beside(number: number, step: 1 | -1, datatype: InputType): number {
  if (!Number.isFinite(number)) return number;
  if (datatype === 'FP64') return number + step * Math.max(Number.MIN_VALUE, Math.abs(number) * 2 ** -52);
  return Math.fround(number) + step * Math.max(2 ** -149, Math.abs(number) * 2 ** -23);
}

function encode(values: readonly number[], datatype: InputType): Uint8Array {
  if (datatype === 'FP32') return new Uint8Array(Float32Array.from(values).buffer);
  if (datatype === 'FP64') return new Uint8Array(Float64Array.from(values).buffer);
  const whole = values.map((number) =>
    Number.isFinite(number) && Math.abs(number) < 1e9 ? Math.round(number) : 7,
  );
  if (datatype === 'INT32') return new Uint8Array(Int32Array.from(whole).buffer);
  return new Uint8Array(BigInt64Array.from(whole, BigInt).buffer);
}
