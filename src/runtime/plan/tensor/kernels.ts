import type { KernelMaker } from '../kernel-maker.ts';

export const TENSOR_KERNELS: readonly (readonly [string, KernelMaker])[] = [];
