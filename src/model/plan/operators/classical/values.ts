import { inputOf, type OperatorCompiler } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { rowValue, sizeOf } from '../../values.ts';
import { floatsAttribute, intAttribute, intsAttribute } from './attributes.ts';
import { matrixOf } from './inputs.ts';

export const imputer: OperatorCompiler = (node) => {
  const { builder } = node;
  const input = matrixOf(node, 0, ['FP32', 'INT64']);
  const isFloat = input.type === 'FP32';
  const given = isFloat
    ? floatsAttribute(node, 'imputed_value_floats')
    : intsAttribute(node, 'imputed_value_int64s');
  const [first] = given;
  if (first === undefined) throw new NotCompiled(`imputes no ${input.type} (${node.name})`);
  // Any other number of them: the first is for all.
  const values = given.length === input.columns ? given : Array<number>(input.columns).fill(first);
  const replaced = isFloat
    ? Math.fround(node.attribute('replaced_value_float')?.f ?? 0)
    : intAttribute(node, 'replaced_value_int64', 0);
  const rounded = input.integers?.rounded === true ? { rounded: true as const } : undefined;
  const output = builder.row(input.type, input.dims, undefined, rounded);
  for (let column = 0; column < input.columns; column++) builder.probe(input, column, [replaced]);
  const numbers = [replaced, ...values];
  builder.step(
    {
      op: 'impute',
      input: input.register,
      output: output.register,
      section: builder.section(isFloat ? Float32Array.from(numbers) : Float64Array.from(numbers)),
    },
    input.columns,
  );
  return [output];
};

export const binarizer: OperatorCompiler = (node) => {
  const { builder } = node;
  const input = rowValue(inputOf(node, 0), node.op);
  if (input.type !== 'FP32') throw new NotCompiled(`gives ${input.type} to ${node.name}`);
  const threshold = Float32Array.of(node.attribute('threshold')?.f ?? 0);
  const output = builder.row('FP32', input.dims);
  const size = sizeOf(input.dims);
  for (let element = 0; element < size; element++) builder.probe(input, element, [...threshold]);
  builder.step(
    {
      op: 'binarize',
      input: input.register,
      output: output.register,
      threshold: builder.section(threshold),
    },
    size,
  );
  return [output];
};
