import { type KernelMaker, maker } from '../kernel-maker.ts';
import { treeClassesKernel } from './classes.ts';
import { treeScoresKernel } from './scores.ts';
import { treesKernel } from './trees.ts';

export const TREE_KERNELS: readonly (readonly [string, KernelMaker])[] = [
  ['trees', maker(treesKernel)],
  ['tree-scores', maker(treeScoresKernel)],
  ['tree-classes', maker(treeClassesKernel)],
];
