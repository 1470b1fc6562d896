import type { Labels, PostTransform, SvmKernel } from '../../classical-steps.ts';
import type { OperatorCompiler, PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import {
  floatsAttribute,
  intAttribute,
  intsAttribute,
  labelRow,
  labelsOf,
  postTransformOf,
  textAttribute,
} from './attributes.ts';
import { floatMatrixOf, matrixOf } from './inputs.ts';

const KERNELS: ReadonlySet<string> = new Set(['LINEAR', 'POLY', 'RBF', 'SIGMOID']);

/** Support vectors only; liblinear's form, without them, is what LinearClassifier does. */
export const svmClassifier: OperatorCompiler = (node) => {
  const { builder } = node;
  const input = floatMatrixOf(node, 0);
  const labels = labelsOf(node, 'classlabels_ints', 'classlabels_strings');
  const counts = intsAttribute(node, 'vectors_per_class');
  const classes = labels.length;
  const transform = postTransformOf(node);
  if (classes < 2 || counts.length !== classes || counts.some((count) => count < 0))
    throw new NotCompiled(`has ${counts.length} numbers of vectors for ${classes} classes (${node.name})`);
  const total = counts.reduce((sum, count) => sum + count, 0);
  const vectors = numbers(node, 'support_vectors', total * input.columns);
  const coefficients = numbers(node, 'coefficients', (classes - 1) * total);
  const pairs = (classes * (classes - 1)) / 2;
  const rho = numbers(node, 'rho', pairs);
  const isProbable = floatsAttribute(node, 'prob_a').length > 0;
  checkScores(node, labels, transform, isProbable);
  const label = labelRow(node, labels);
  const scores = builder.row('FP32', [isProbable || classes === 2 ? classes : pairs]);
  let end = 0;
  const starts = [0, ...counts.map((count) => (end += count))];
  builder.step(
    {
      op: 'svm-classes',
      input: input.register,
      label: label.register,
      scores: scores.register,
      labels,
      ...kernelOf(node),
      vectors: builder.section(vectors),
      coefficients: builder.section(coefficients),
      rho: builder.section(rho),
      starts: builder.section(Int32Array.from(starts)),
      ...(isProbable
        ? {
            probabilities: {
              a: builder.section(numbers(node, 'prob_a', pairs)),
              b: builder.section(numbers(node, 'prob_b', pairs)),
            },
          }
        : {}),
      transform,
    },
    total * (2 * input.columns + 10) + coefficients.length + pairs * (isProbable ? 100 : 2),
  );
  return [label, scores];
};

function checkScores(node: PlanNode, labels: Labels, transform: PostTransform, isProbable: boolean): void {
  // ONNX Runtime leaves half of the scores unset.
  if (labels.length === 2 && !isProbable && transform === 'PROBIT')
    throw new NotCompiled(`has a post_transform PROBIT of one score (${node.name})`);
}

export const svmRegressor: OperatorCompiler = (node) => {
  const { builder } = node;
  const input = matrixOf(node, 0, ['FP32']);
  const count = intAttribute(node, 'n_supports', 0);
  if (count < 1) throw new NotCompiled(`has no support vectors (${node.name})`);
  const vectors = numbers(node, 'support_vectors', count * input.columns);
  const coefficients = numbers(node, 'coefficients', count);
  const rho = numbers(node, 'rho', 1);
  const output = builder.row('FP32', [1]);
  builder.step(
    {
      op: 'svm-regression',
      input: input.register,
      output: output.register,
      ...kernelOf(node),
      vectors: builder.section(vectors),
      coefficients: builder.section(coefficients),
      rho: builder.section(rho),
      count: builder.section(Int32Array.of(count)),
      oneClass: intAttribute(node, 'one_class', 0) !== 0,
    },
    count * (2 * input.columns + 10),
  );
  return [output];
};

function kernelOf(node: PlanNode): { kernel: SvmKernel; parameters: number } {
  const kernel = textAttribute(node, 'kernel_type', 'LINEAR');
  const given = floatsAttribute(node, 'kernel_params');
  if (!KERNELS.has(kernel) || (given.length !== 0 && given.length !== 3))
    throw new NotCompiled(`has a kernel ${kernel.slice(0, 40)} of ${given.length} numbers (${node.name})`);
  const parameters = new Float32Array(3);
  parameters.set(given);
  return { kernel: kernel as SvmKernel, parameters: node.builder.section(parameters) };
}

function numbers(node: PlanNode, name: string, count: number): Float32Array {
  const found = floatsAttribute(node, name);
  if (found.length === count) return found;
  throw new NotCompiled(`has ${found.length} numbers of ${name}, expected ${count} (${node.name})`);
}
