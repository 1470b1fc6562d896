import { type KernelMaker, maker } from '../kernel-maker.ts';
import { columnsKernel } from './columns.ts';
import { linearClassesKernel, linearKernel } from './linear.ts';
import { lookupKernel, oneHotKernel, pickKernel } from './lookup.ts';
import { normalizeKernel, scaleKernel } from './scaling.ts';
import { svmClassesKernel, svmRegressionKernel } from './svm.ts';
import { binarizeKernel, imputeKernel } from './values.ts';

export const CLASSICAL_KERNELS: readonly (readonly [string, KernelMaker])[] = [
  ['binarize', maker(binarizeKernel)],
  ['columns', maker(columnsKernel)],
  ['impute', maker(imputeKernel)],
  ['linear', maker(linearKernel)],
  ['linear-classes', maker(linearClassesKernel)],
  ['lookup', maker(lookupKernel)],
  ['normalize', maker(normalizeKernel)],
  ['one-hot', maker(oneHotKernel)],
  ['pick', maker(pickKernel)],
  ['scale', maker(scaleKernel)],
  ['svm-classes', maker(svmClassesKernel)],
  ['svm-regression', maker(svmRegressionKernel)],
];
