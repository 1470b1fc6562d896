import type { PlanStructure } from '../../model/plan/structure.ts';
import type { Elements } from '../../model/elements.ts';
import type { NamedTensor } from '../../model/signature.ts';
import { checkInputs, readInput } from './inputs.ts';
import { type Kernel, type PlacedRegisters, placeRegisters } from './kernel.ts';
import { makeKernel } from './kernels.ts';
import { newOutput, tensorOf, writeOutput } from './outputs.ts';
import type { PlanMemory, PlanRun } from './run.ts';

/** Elements of all registers that are worked on at once: what fits a processor's cache. */
const BLOCK_ELEMENTS = 65_536;
const MAX_BLOCK_ROWS = 256;

/** A structure made ready to run, whichever model's numbers it is given. One a thread serves all of them. */
export class PlanProgram {
  readonly structure: PlanStructure;
  readonly #layout: PlacedRegisters;
  readonly #kernels: readonly Kernel[];
  readonly #blockRows: number;

  constructor(structure: PlanStructure) {
    this.structure = structure;
    this.#layout = placeRegisters(structure.registers);
    this.#kernels = structure.steps.map((step) => makeKernel(step, this.#layout));
    const elements = structure.registers.reduce((sum, { width }) => sum + width, 0);
    this.#blockRows = Math.max(1, Math.min(MAX_BLOCK_ROWS, Math.floor(BLOCK_ELEMENTS / elements)));
  }

  /** All outputs, in order; their data are new. Throws ShoalError: INVALID_INPUT, MODEL_FAILED. */
  run(run: PlanRun, memory: PlanMemory, base: number, inputs: readonly NamedTensor[]): NamedTensor[] {
    const { structure } = this;
    const { rows, elements } = checkInputs(structure.inputs, inputs);
    const outputs = structure.outputs.map((port) => newOutput(port, rows));
    run.memory = memory;
    run.base = base;
    try {
      for (let first = 0; first < rows; first += this.#blockRows) {
        run.rows = Math.min(this.#blockRows, rows - first);
        run.reserve(this.#layout.f32 * run.rows, this.#layout.f64 * run.rows);
        for (const [index, port] of structure.inputs.entries())
          readInput(run, this.#layout, port, elements[index] as Elements, first);
        for (const kernel of this.#kernels) kernel(run);
        for (const [index, port] of structure.outputs.entries())
          writeOutput(run, this.#layout, port, outputs[index] as Elements, first);
      }
    } finally {
      run.end();
    }
    return structure.outputs.map((port, index) => tensorOf(port, rows, outputs[index] as Elements));
  }
}
