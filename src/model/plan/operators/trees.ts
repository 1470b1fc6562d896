import type { OperatorCompiler } from '../node.ts';

export const TREE_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [];
