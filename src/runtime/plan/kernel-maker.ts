import type { Step } from '../../model/plan/structure.ts';
import type { Kernel, Layout } from './kernel.ts';

/** What does the steps of one operation; each is given only steps of its own. */
export type KernelMaker = (step: Step, layout: Layout) => Kernel;

/** A maker for steps of one type as one for any, in a table by operation. */
export function maker(make: (step: never, layout: Layout) => Kernel): KernelMaker {
  return make as KernelMaker;
}
