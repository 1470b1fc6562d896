import type { Labels, PostTransform } from '../../classical-steps.ts';
import type { OperatorCompiler, PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { floatsAttribute, intAttribute, labelRow, labelsOf, postTransformOf } from './attributes.ts';
import { floatMatrixOf, matrixOf } from './inputs.ts';

export const linearRegressor: OperatorCompiler = (node) => {
  const { builder } = node;
  const input = matrixOf(node, 0, ['FP32']);
  const targets = intAttribute(node, 'targets', 1);
  const weights = weightsOf(node, targets, input.columns);
  const given = floatsAttribute(node, 'intercepts');
  const intercepts = given.length === targets ? given : new Float32Array(targets);
  const transform = postTransformOf(node);
  const output = builder.row('FP32', [targets]);
  builder.step(
    {
      op: 'linear',
      input: input.register,
      output: output.register,
      weights: builder.section(weights),
      intercepts: builder.section(intercepts),
      // With one target ONNX Runtime does only this one.
      transform: targets > 1 || transform === 'PROBIT' ? transform : 'NONE',
    },
    weights.length + targets,
  );
  return [output];
};

export const linearClassifier: OperatorCompiler = (node) => {
  const { builder } = node;
  const input = floatMatrixOf(node, 0);
  const intercepts = floatsAttribute(node, 'intercepts');
  const targets = intercepts.length;
  const weights = weightsOf(node, targets, input.columns);
  const transform = postTransformOf(node);
  const labels = labelsOf(node, 'classlabels_ints', 'classlabels_strings');
  checkClasses(node, targets, labels, transform);
  const label = labelRow(node, labels);
  const scores = builder.row('FP32', [labels.length]);
  builder.step(
    {
      op: 'linear-classes',
      input: input.register,
      label: label.register,
      scores: scores.register,
      labels,
      targets,
      weights: builder.section(weights),
      intercepts: builder.section(intercepts),
      transform,
    },
    weights.length + 8 * labels.length,
  );
  return [label, scores];
};

function weightsOf(node: PlanNode, targets: number, columns: number): Float32Array {
  const weights = floatsAttribute(node, 'coefficients');
  if (targets < 1 || weights.length !== targets * columns)
    throw new NotCompiled(`has ${weights.length} coefficients for ${columns} columns (${node.name})`);
  return weights;
}

function checkClasses(node: PlanNode, targets: number, labels: Labels, transform: PostTransform): void {
  if (labels.length !== Math.max(2, targets))
    throw new NotCompiled(`has ${labels.length} labels for ${targets} classes (${node.name})`);
  // ONNX Runtime leaves half of the scores unset.
  if (targets === 1 && transform === 'PROBIT')
    throw new NotCompiled(`has a post_transform PROBIT of one score (${node.name})`);
}
