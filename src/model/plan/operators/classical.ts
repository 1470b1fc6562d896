import { inputOf, type OperatorCompiler } from '../node.ts';
import { NotCompiled } from '../not-compiled.ts';
import { rowValue, sizeOf } from '../values.ts';

const linearRegressor: OperatorCompiler = (node) => {
  const { builder } = node;
  const input = rowValue(inputOf(node, 0), 'a regression');
  const weights = Float32Array.from(node.attribute('coefficients')?.floats ?? []);
  const targets = Number(node.attribute('targets')?.i ?? 1n);
  if (input.type !== 'FP32' || weights.length !== targets * sizeOf(input.dims))
    throw new NotCompiled(`has coefficients that do not fit the input of ${node.name}`);
  const intercepts = new Float32Array(targets);
  intercepts.set(node.attribute('intercepts')?.floats ?? []);
  const output = builder.row('FP32', [targets]);
  builder.step(
    {
      op: 'linear',
      input: input.register,
      output: output.register,
      weights: builder.section(weights),
      intercepts: builder.section(intercepts),
    },
    weights.length,
  );
  return [output];
};

export const CLASSICAL_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [
  ['ai.onnx.ml:LinearRegressor', linearRegressor],
];
