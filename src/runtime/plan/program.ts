import type { PlanPort, PlanStructure } from '../../model/plan/structure.ts';
import type { Elements } from '../../model/elements.ts';
import type { NamedTensor } from '../../model/signature.ts';
import { checkInputs, type InputReader, inputReader } from './inputs.ts';
import { type Kernel, type PlacedRegisters, placeRegisters } from './kernel.ts';
import { makeKernel } from './kernels.ts';
import { newOutput, type OutputWriter, outputWriter, tensorOf } from './outputs.ts';
import type { PlanMemory, PlanRun } from './run.ts';

/** Elements of all registers that are worked on at once: what fits a processor's cache. */
const BLOCK_ELEMENTS = 65_536;
const MAX_BLOCK_ROWS = 256;

/** A structure made ready to run, whichever model's numbers it is given. One a thread serves all of them. */
export class PlanProgram {
  readonly structure: PlanStructure;
  readonly #layout: PlacedRegisters;
  readonly #kernels: readonly Kernel[];
  readonly #readers: readonly InputReader[];
  readonly #writers: readonly OutputWriter[];
  /** Of the outputs. */
  readonly #widths: readonly number[];
  readonly #blockRows: number;

  constructor(structure: PlanStructure) {
    this.structure = structure;
    this.#layout = placeRegisters(structure.registers);
    this.#kernels = structure.steps.map((step) => makeKernel(step, this.#layout));
    this.#readers = structure.inputs.map((port) => inputReader(port, this.#layout));
    this.#writers = structure.outputs.map((port) => outputWriter(port, this.#layout));
    this.#widths = structure.outputs.map(({ register }) => this.#layout.width(register));
    const elements = structure.registers.reduce((sum, { width }) => sum + width, 0);
    this.#blockRows = Math.max(1, Math.min(MAX_BLOCK_ROWS, Math.floor(BLOCK_ELEMENTS / elements)));
  }

  /** All outputs, in order; their data are new. Throws ShoalError: INVALID_INPUT, MODEL_FAILED. */
  run(run: PlanRun, memory: PlanMemory, base: number, inputs: readonly NamedTensor[]): NamedTensor[] {
    const ports = this.structure.outputs;
    const elements: Elements[] = [];
    const rows = checkInputs(this.structure.inputs, inputs, elements);
    const outputs: Elements[] = [];
    for (let index = 0; index < ports.length; index++)
      outputs.push(newOutput(ports[index] as PlanPort, rows * (this.#widths[index] as number)));
    run.memory = memory;
    run.base = base;
    try {
      for (let first = 0; first < rows; first += this.#blockRows) {
        run.rows = Math.min(this.#blockRows, rows - first);
        this.#runBlock(run, elements, outputs, first);
      }
    } finally {
      run.end();
    }
    const tensors: NamedTensor[] = [];
    for (let index = 0; index < ports.length; index++)
      tensors.push(tensorOf(ports[index] as PlanPort, rows, outputs[index] as Elements));
    return tensors;
  }

  /** Plain loops: it is the way of every prediction, and most are of one row. */
  #runBlock(run: PlanRun, elements: readonly Elements[], outputs: readonly Elements[], first: number): void {
    const readers = this.#readers;
    const kernels = this.#kernels;
    const writers = this.#writers;
    run.reserve(this.#layout.f32 * run.rows, this.#layout.f64 * run.rows);
    for (let index = 0; index < readers.length; index++)
      (readers[index] as InputReader)(run, elements[index] as Elements, first);
    for (let index = 0; index < kernels.length; index++) (kernels[index] as Kernel)(run);
    for (let index = 0; index < writers.length; index++)
      (writers[index] as OutputWriter)(run, outputs[index] as Elements, first);
  }
}
