import type { OperatorCompiler } from '../node.ts';
import { inputOf } from '../node.ts';

const identity: OperatorCompiler = (node) => [inputOf(node, 0)];

export const TENSOR_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [['Identity', identity]];
