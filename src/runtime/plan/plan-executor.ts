import type { EncodedPlan } from '../../model/plan/blob.ts';
import type { PlanStructure } from '../../model/plan/structure.ts';
import type { Executor } from '../executor.ts';
import { PlanProgram } from './program.ts';
import { planMemory, PlanRun } from './run.ts';

/** One plan in memory of its own, for the admission test and for tests; workers keep theirs in slabs. */
export function planExecutor(structure: PlanStructure, { bytes }: Pick<EncodedPlan, 'bytes'>): Executor {
  const program = new PlanProgram(structure);
  const memory = planMemory(Uint8Array.from(bytes).buffer);
  const run = new PlanRun();
  return {
    // Any number of rows is run as it is, so that parts make no difference.
    run: async (inputs) => program.run(run, memory, 0, inputs),
    release: async () => undefined,
  };
}
