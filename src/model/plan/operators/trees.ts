import type { OperatorCompiler } from '../node.ts';
import { compileClassifier } from './trees/classifier.ts';
import { compileRegressor, compileVersion5 } from './trees/regressor.ts';

export const TREE_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [
  ['ai.onnx.ml:TreeEnsembleClassifier', compileClassifier],
  ['ai.onnx.ml:TreeEnsembleRegressor', compileRegressor],
  ['ai.onnx.ml:TreeEnsemble', compileVersion5],
];
