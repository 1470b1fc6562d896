import type { OperatorCompiler } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { floatsAttribute, textAttribute } from './attributes.ts';
import { floatMatrixOf, matrixOf } from './inputs.ts';

export const scaler: OperatorCompiler = (node) => {
  const { builder } = node;
  const input = matrixOf(node, 0, ['FP32', 'FP64', 'INT64', 'INT32']);
  const numbers = (name: string): Float32Array => {
    const found = floatsAttribute(node, name);
    if (found.length === input.columns) return found;
    if (found.length === 1) return new Float32Array(input.columns).fill(found[0] as number);
    throw new NotCompiled(
      `has ${found.length} numbers of ${name} for ${input.columns} columns (${node.name})`,
    );
  };
  const offsets = numbers('offset');
  const scales = numbers('scale');
  const output = builder.row('FP32', input.dims);
  builder.step(
    {
      op: 'scale',
      input: input.register,
      output: output.register,
      offsets: builder.section(offsets),
      scales: builder.section(scales),
    },
    2 * input.columns,
  );
  return [output];
};

export const normalizer: OperatorCompiler = (node) => {
  const { builder } = node;
  const norm = textAttribute(node, 'norm', 'MAX');
  if (norm !== 'MAX' && norm !== 'L1' && norm !== 'L2')
    throw new NotCompiled(`has a norm ${norm.slice(0, 40)} (${node.name})`);
  // Squares of doubles and of integers are made before they become floats.
  const input = norm === 'L2' ? matrixOf(node, 0, ['FP32']) : floatMatrixOf(node, 0);
  const output = builder.row('FP32', input.dims);
  builder.step({ op: 'normalize', norm, input: input.register, output: output.register }, 3 * input.columns);
  return [output];
};
