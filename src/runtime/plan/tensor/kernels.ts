import { type KernelMaker, maker } from '../kernel-maker.ts';
import { binaryKernel } from './binary.ts';
import { denseKernel } from './dense.ts';
import { concatKernel, gatherKernel, embeddingKernel, gatherElementsKernel, viewKernel } from './moves.ts';
import { argKernel, topKKernel } from './ranks.ts';
import { reduceKernel } from './reduce.ts';
import { softmaxKernel } from './softmax.ts';
import { unaryKernel, whereKernel } from './unary.ts';

export const TENSOR_KERNELS: readonly (readonly [string, KernelMaker])[] = [
  ['binary', maker(binaryKernel)],
  ['unary', maker(unaryKernel)],
  ['where', maker(whereKernel)],
  ['dense', maker(denseKernel)],
  ['softmax', maker(softmaxKernel)],
  ['reduce', maker(reduceKernel)],
  ['arg', maker(argKernel)],
  ['topK', maker(topKKernel)],
  ['view', maker(viewKernel)],
  ['gather', maker(gatherKernel)],
  ['gatherElements', maker(gatherElementsKernel)],
  ['embedding', maker(embeddingKernel)],
  ['concat', maker(concatKernel)],
];
