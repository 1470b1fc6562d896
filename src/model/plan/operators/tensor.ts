import type { OperatorCompiler } from '../node.ts';
import { BINARY_OPERATORS } from './tensor/binary.ts';
import { CAST_OPERATORS } from './tensor/cast.ts';
import { CHOICE_OPERATORS } from './tensor/choice.ts';
import { CONCAT_OPERATORS } from './tensor/concat.ts';
import { CONSTANT_OPERATORS } from './tensor/constant.ts';
import { DENSE_OPERATORS } from './tensor/dense.ts';
import { GATHER_OPERATORS } from './tensor/gather.ts';
import { REDUCE_OPERATORS } from './tensor/reduce.ts';
import { SHAPE_OPERATORS } from './tensor/shape.ts';
import { SLICE_OPERATORS } from './tensor/slice.ts';
import { UNARY_OPERATORS } from './tensor/unary.ts';

/** The standard operators, as far as they work row by row. */
export const TENSOR_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [
  ...CONSTANT_OPERATORS,
  ...SHAPE_OPERATORS,
  ...SLICE_OPERATORS,
  ...GATHER_OPERATORS,
  ...CONCAT_OPERATORS,
  ...CAST_OPERATORS,
  ...UNARY_OPERATORS,
  ...BINARY_OPERATORS,
  ...CHOICE_OPERATORS,
  ...DENSE_OPERATORS,
  ...REDUCE_OPERATORS,
];
