import type { NamedTensor } from '../../model/signature.ts';
import type { PlanProgram } from '../../runtime/plan/program.ts';
import { type PlanMemory, planMemory, PlanRun } from '../../runtime/plan/run.ts';
import type { LanePlanRun, LaneTask } from '../../wire/lane.ts';
import { makeProgram } from '../plans/structures.ts';

/** What a lane's thread knows of plans: their memory, which is the main thread's, and structures made ready. */
export class ThreadPlans {
  readonly #memories = new Map<number, PlanMemory>();
  readonly #texts = new Map<number, Uint8Array>();
  readonly #programs = new Map<number, PlanProgram>();
  readonly #run = new PlanRun();

  learn({ chunks, structures }: Pick<LaneTask, 'chunks' | 'structures'>): void {
    for (const [number, buffer] of chunks) this.#memories.set(number, planMemory(buffer));
    for (const [id, text] of structures) this.#texts.set(id, text);
  }

  forget({ forgotten }: Pick<LaneTask, 'forgotten'>): void {
    for (const id of forgotten) {
      this.#texts.delete(id);
      this.#programs.delete(id);
    }
  }

  /** Throws ShoalError. */
  run({ chunk, base, structure }: LanePlanRun, inputs: readonly NamedTensor[]): NamedTensor[] {
    return this.#programOf(structure).run(this.#run, this.#memories.get(chunk) as PlanMemory, base, inputs);
  }

  /** Made at its first run: what fails there is that run. */
  #programOf(id: number): PlanProgram {
    let program = this.#programs.get(id);
    if (program === undefined) {
      program = makeProgram(this.#texts.get(id) as Uint8Array);
      this.#programs.set(id, program);
      this.#texts.delete(id);
    }
    return program;
  }
}
