import type { OperatorCompiler } from '../node.ts';
import { CLASSICAL_OPERATORS } from './classical.ts';
import { TENSOR_OPERATORS } from './tensor.ts';
import { TREE_OPERATORS } from './trees.ts';

/** By operator; those of ai.onnx.ml as `ai.onnx.ml:Scaler`. */
export const OPERATORS: ReadonlyMap<string, OperatorCompiler> = new Map([
  ...TENSOR_OPERATORS,
  ...CLASSICAL_OPERATORS,
  ...TREE_OPERATORS,
]);
