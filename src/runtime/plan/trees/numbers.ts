import type { TreeNumbers } from '../../../model/plan/tree-steps.ts';
import type { PlanMemory, PlanRun } from '../run.ts';

/** The array that a section of floats or doubles is in. */
export function numbersOf(memory: PlanMemory, { isDouble }: TreeNumbers): Float32Array | Float64Array {
  return isDouble ? memory.f64 : memory.f32;
}

/** Where it starts there. */
export function numbersAt(run: PlanRun, { section, isDouble }: TreeNumbers): number {
  return run.section(section) >> (isDouble ? 3 : 2);
}
