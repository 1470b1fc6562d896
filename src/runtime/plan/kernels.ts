import type { Step } from '../../model/plan/structure.ts';
import { CLASSICAL_KERNELS } from './classical/kernels.ts';
import type { Kernel, Layout } from './kernel.ts';
import type { KernelMaker } from './kernel-maker.ts';
import { TENSOR_KERNELS } from './tensor/kernels.ts';
import { TREE_KERNELS } from './trees/kernels.ts';

/** By a step's `op`. */
const KERNELS: ReadonlyMap<string, KernelMaker> = new Map([
  ...TENSOR_KERNELS,
  ...CLASSICAL_KERNELS,
  ...TREE_KERNELS,
]);

/** What does a step. */
export function makeKernel(step: Step, layout: Layout): Kernel {
  const make = KERNELS.get(step.op);
  if (make === undefined) throw new Error(`a plan has a step ${step.op} that this version can't do`);
  return make(step, layout);
}
