import type { OperatorCompiler } from '../node.ts';
import { arrayFeatureExtractor, featureVectorizer } from './classical/columns.ts';
import { linearClassifier, linearRegressor } from './classical/linear.ts';
import { categoryMapper, labelEncoder } from './classical/lookup.ts';
import { oneHotEncoder } from './classical/one-hot.ts';
import { normalizer, scaler } from './classical/scaling.ts';
import { svmClassifier, svmRegressor } from './classical/svm.ts';
import { binarizer, imputer } from './classical/values.ts';

export const CLASSICAL_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [
  ['ai.onnx.ml:ArrayFeatureExtractor', arrayFeatureExtractor],
  ['ai.onnx.ml:Binarizer', binarizer],
  ['ai.onnx.ml:CategoryMapper', categoryMapper],
  ['ai.onnx.ml:FeatureVectorizer', featureVectorizer],
  ['ai.onnx.ml:Imputer', imputer],
  ['ai.onnx.ml:LabelEncoder', labelEncoder],
  ['ai.onnx.ml:LinearClassifier', linearClassifier],
  ['ai.onnx.ml:LinearRegressor', linearRegressor],
  ['ai.onnx.ml:Normalizer', normalizer],
  ['ai.onnx.ml:OneHotEncoder', oneHotEncoder],
  ['ai.onnx.ml:SVMClassifier', svmClassifier],
  ['ai.onnx.ml:SVMRegressor', svmRegressor],
  ['ai.onnx.ml:Scaler', scaler],
];
