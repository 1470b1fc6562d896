import { inputOf, type OperatorCompiler } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { rowValue, sizeOf } from '../../values.ts';
import { intAttribute, intsAttribute, textsAttribute } from './attributes.ts';
import { numberKeys, probeKeys, sortedKeys } from './keys.ts';

export const oneHotEncoder: OperatorCompiler = (node) => {
  const { builder } = node;
  const input = rowValue(inputOf(node, 0), node.op);
  if (!['FP32', 'FP64', 'INT64', 'BYTES'].includes(input.type) || input.dims.length > 1)
    throw new NotCompiled(`gives ${input.type} to ${node.name}`);
  const texts = textsAttribute(node, 'cats_strings');
  const integers = intsAttribute(node, 'cats_int64s');
  const isText = input.type === 'BYTES';
  const categories = isText ? texts.length : integers.length;
  if (categories === 0 || (texts.length > 0 && integers.length > 0))
    throw new NotCompiled(`has no categories for ${input.type} (${node.name})`);
  const output = builder.row('FP32', [...input.dims, categories]);
  probeKeys(builder, input, isText ? texts : integers);
  const { sorted, order } = sortedKeys(integers, 'last');
  builder.step(
    {
      op: 'one-hot',
      input: input.register,
      output: output.register,
      categories,
      zeros: intAttribute(node, 'zeros', 1) !== 0,
      ...(isText
        ? { keys: { texts } }
        : { keys: numberKeys(builder, sorted), columns: builder.section(Int32Array.from(order)) }),
    },
    sizeOf(input.dims) * (categories + (isText ? 40 : 10)),
  );
  return [output];
};
