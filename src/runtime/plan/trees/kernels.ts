import type { KernelMaker } from '../kernel-maker.ts';

export const TREE_KERNELS: readonly (readonly [string, KernelMaker])[] = [];
