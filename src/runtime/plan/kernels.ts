import type { Step } from '../../model/plan/structure.ts';
import { linearKernel } from './linear.ts';
import type { Kernel, Layout } from './kernel.ts';

/** What does a step. */
export function makeKernel(step: Step, layout: Layout): Kernel {
  switch (step.op) {
    case 'linear':
      return linearKernel(step, layout);
    default:
      throw new Error(`a plan has a step ${step.op} that this version can't do`);
  }
}
