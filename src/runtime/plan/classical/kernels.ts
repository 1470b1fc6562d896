import { type KernelMaker, maker } from '../kernel-maker.ts';
import { linearKernel } from './linear.ts';

export const CLASSICAL_KERNELS: readonly (readonly [string, KernelMaker])[] = [
  ['linear', maker(linearKernel)],
];
