import type { Step } from '../../model/plan/structure.ts';
import { CLASSICAL_KERNELS } from './classical/kernels.ts';
import type { Kernel, Layout } from './kernel.ts';
import type { KernelMaker } from './kernel-maker.ts';
import { TENSOR_KERNELS } from './tensor/kernels.ts';
import { TREE_KERNELS } from './trees/kernels.ts';

const ALL: readonly (readonly [string, KernelMaker])[] = [
  ...TENSOR_KERNELS,
  ...CLASSICAL_KERNELS,
  ...TREE_KERNELS,
];

/** By a step's `op`. */
const KERNELS: ReadonlyMap<string, KernelMaker> = new Map(ALL);
if (KERNELS.size !== ALL.length) throw new Error('two kernels are called the same');

/** What does a step. */
export function makeKernel(step: Step, layout: Layout): Kernel {
  const make = KERNELS.get(step.op);
  if (make === undefined) throw new Error(`a plan has a step ${step.op} that this version can't do`);
  return make(step, layout);
}
