import type { Labels } from '../../classical-steps.ts';
import { inputOf, type OperatorCompiler } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { rowValue } from '../../values.ts';
import { labelRow, labelsOf, postTransformOf } from '../classical/attributes.ts';
import { numbersAttribute } from './attributes.ts';
import { packNumbers } from './leaves.ts';
import { readNodeLists } from './node-lists.ts';
import { addTrees, type TreeSums } from './trees-step.ts';

export const compileClassifier: OperatorCompiler = (node) => {
  const { builder, name } = node;
  const input = rowValue(inputOf(node, 0), 'trees');
  if (!['FP32', 'FP64', 'INT64', 'INT32'].includes(input.type))
    throw new NotCompiled(`has trees over ${input.type} (${name})`);
  const isDouble = input.type === 'FP64';
  const labels = labelsOf(node, 'classlabels_int64s', 'classlabels_strings');
  const classes = labels.length;
  // Of one class ONNX Runtime answers numbers that are no labels of it.
  if (classes < 2) throw new NotCompiled(`has trees for ${classes} classes (${name})`);
  const ensemble = readNodeLists(node, { prefix: 'class', targets: classes, isDouble });
  const baseValues = numbersAttribute(node, 'base_values', isDouble);
  const fits =
    baseValues.length === 0 || baseValues.length === classes || (classes === 2 && baseValues.length === 1);
  if (!fits) throw new NotCompiled(`has ${baseValues.length} base_values for ${classes} classes (${name})`);
  const classIds = new Set(node.attribute('class_ids')?.ints);
  const isBinary = classes === 2 && classIds.size === 1;
  // Also those of branches, which are not summed.
  const isShare = !numbersAttribute(node, 'class_weights', isDouble).some((weight) => weight < 0);
  const postTransform = postTransformOf(node);
  const summed = addTrees(node, input, ensemble, 'sum');
  checkScored(summed, {
    classes,
    isBinary,
    baseCount: baseValues.length,
    isProbit: postTransform === 'PROBIT',
    name,
  });
  const label = labelRow(node, labels);
  const output = builder.row('FP32', [classes]);
  builder.step(
    {
      op: 'tree-classes',
      sums: summed.sums.register,
      ...(summed.leaves.kind === 'some' ? { scored: summed.leaves.scored } : {}),
      unscored: summed.never,
      baseValues: { count: baseValues.length, numbers: packNumbers(builder, baseValues) },
      isBinary,
      shares: builder.section(Int32Array.of(isShare ? 1 : 0)),
      postTransform,
      labels: classes === 2 && !isBinary ? numberedLabels(labels) : labels,
      label: label.register,
      output: output.register,
    },
    10 + classes * (postTransform === 'NONE' ? 2 : 20),
  );
  return [label, output];
};

/** When two classes have weights, ONNX Runtime answers 0 and 1 for integers, whatever the labels are. */
function numberedLabels(labels: Labels): Labels {
  return typeof labels[0] === 'string' ? labels : [0, 1];
}

/** Where a row has no weight for a class, ONNX Runtime answers what lay in memory, or nothing at all. */
function checkScored(
  { always }: TreeSums,
  options: { classes: number; isBinary: boolean; baseCount: number; isProbit: boolean; name: string },
): void {
  const { classes, isBinary, baseCount, isProbit, name } = options;
  const isSure =
    classes > 2
      ? baseCount > 0 || always.size > 0
      : always.has(1) || baseCount === 2 || (!isProbit && (isBinary || baseCount === 0));
  if (!isSure) throw new NotCompiled(`has leaves that leave classes without a score (${name})`);
}
