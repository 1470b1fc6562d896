import { inputOf, type OperatorCompiler, type PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import type { PostTransform } from '../../classical-steps.ts';
import { type RowValue, rowValue } from '../../values.ts';
import { intAttribute, postTransformOf, textAttribute } from '../classical/attributes.ts';
import { numbersAttribute } from './attributes.ts';
import { type Ensemble, MODE } from './ensemble.ts';
import { packNumbers } from './leaves.ts';
import { readNodeLists } from './node-lists.ts';
import { addTrees } from './trees-step.ts';
import { readVersion5 } from './version5.ts';

type Aggregate = 'SUM' | 'AVERAGE' | 'MIN' | 'MAX';

export const compileRegressor: OperatorCompiler = (node) => {
  const input = regressionInput(node);
  const isDouble = input.type === 'FP64';
  const targets = intAttribute(node, 'n_targets', 0);
  const ensemble = readNodeLists(node, { prefix: 'target', targets, isDouble });
  const aggregate = textAttribute(node, 'aggregate_function', 'SUM');
  if (!['SUM', 'AVERAGE', 'MIN', 'MAX'].includes(aggregate))
    throw new NotCompiled(`has an aggregate_function ${aggregate.slice(0, 40)} (${node.name})`);
  const baseValues = numbersAttribute(node, 'base_values', isDouble);
  if (baseValues.length !== 0 && baseValues.length !== targets)
    throw new NotCompiled(`has ${baseValues.length} base_values for ${targets} targets (${node.name})`);
  const single = targets === 1 ? firstWeights(ensemble) : ensemble;
  const postTransform = postTransformOf(node);
  // Whatever the trees' type, the answer is in floats.
  const output = node.builder.row('FP32', [targets]);
  return [
    regression(node, input, single, { aggregate: aggregate as Aggregate, baseValues, postTransform, output }),
  ];
};

const AGGREGATES: readonly Aggregate[] = ['AVERAGE', 'SUM', 'MIN', 'MAX'];
/** As ONNX Runtime numbers them; the standard has SOFTMAX before LOGISTIC. */
const TRANSFORMS: readonly PostTransform[] = ['NONE', 'LOGISTIC', 'SOFTMAX', 'SOFTMAX_ZERO', 'PROBIT'];

export const compileVersion5: OperatorCompiler = (node) => {
  const input = regressionInput(node);
  const targets = intAttribute(node, 'n_targets', 0);
  const ensemble = readVersion5(node, { targets, isDouble: input.type === 'FP64' });
  const aggregate = AGGREGATES[intAttribute(node, 'aggregate_function', 1)];
  const postTransform = TRANSFORMS[intAttribute(node, 'post_transform', 0)];
  if (aggregate === undefined || postTransform === undefined)
    throw new NotCompiled(`has an aggregate_function or post_transform of no name (${node.name})`);
  const output = node.builder.row(input.type, [targets]);
  const baseValues = new Float64Array(0);
  return [regression(node, input, ensemble, { aggregate, baseValues, postTransform, output })];
};

function regressionInput(node: PlanNode): RowValue {
  const input = rowValue(inputOf(node, 0), 'trees');
  if (input.type === 'FP32' || input.type === 'FP64') return input;
  throw new NotCompiled(`has trees over ${input.type} (${node.name})`);
}

/** Of one target, ONNX Runtime takes a leaf's first weight; that of a leaf without any is its threshold. */
function firstWeights(ensemble: Ensemble): Ensemble {
  const { modes, thresholds, weights } = ensemble;
  const count = modes.length;
  const starts = new Int32Array(count + 1);
  const values = new Float64Array(count);
  let at = 0;
  for (let node = 0; node < count; node++) {
    if (modes[node] === MODE.LEAF) {
      const start = weights.starts[node] as number;
      const isEmpty = weights.starts[node + 1] === start;
      values[at++] = (isEmpty ? thresholds[node] : weights.values[start]) as number;
    }
    starts[node + 1] = at;
  }
  return { ...ensemble, weights: { starts, targets: new Int32Array(at), values: values.subarray(0, at) } };
}

function regression(
  node: PlanNode,
  input: RowValue,
  ensemble: Ensemble,
  options: {
    aggregate: Aggregate;
    baseValues: Float64Array;
    postTransform: PostTransform;
    output: RowValue;
  },
): RowValue {
  const { builder } = node;
  const { aggregate, baseValues, postTransform, output } = options;
  const isExtreme = aggregate === 'MIN' || aggregate === 'MAX';
  if (isExtreme && ensemble.weights.values.some((value) => Number.isNaN(value)))
    throw new NotCompiled(`takes the ${aggregate} of leaves that are NaN (${node.name})`);
  const found = isExtreme ? (aggregate.toLowerCase() as 'min' | 'max') : 'sum';
  const { sums, sizes, leaves, never } = addTrees(node, input, ensemble, found);
  // A single number is transformed by no function but this.
  const transform = ensemble.targets === 1 && postTransform !== 'PROBIT' ? 'NONE' : postTransform;
  builder.step(
    {
      op: 'tree-scores',
      aggregate: found,
      sums: sums.register,
      ...(leaves.kind === 'some' ? { scored: leaves.scored } : {}),
      unscored: never,
      baseValues: { count: baseValues.length, numbers: packNumbers(builder, baseValues) },
      ...(aggregate === 'AVERAGE' ? { average: sizes } : {}),
      postTransform: transform,
      output: output.register,
    },
    4 + ensemble.targets * (transform === 'NONE' ? 2 : 20),
  );
  return output;
}
