import { PlanRun } from '../../runtime/plan/run.ts';
import { writeSection } from '../../wire/tensor-section.ts';
import { outputBytes } from '../lane/answer.ts';
import { readInputs } from '../lane/inputs.ts';
import type { ResidentPlans } from './resident-plans.ts';

/** Reading a request's tensors and writing its answer: for any, and for each byte of them (texts are the slowest). */
const BESIDE_RUN_US = 5;
const BESIDE_US_A_BYTE = 0.005;
/** Of a blob (model/plan/blob.ts): elementary operations a row, about a nanosecond each. */
const WORK_AT = 8;
/** Of a section (wire/tensor-section.ts): the rank and the first dimension of its first tensor. */
const RANK_AT = 9;
const ROWS_AT = 16;

/** Runs plans on the main thread, and says how long a run should take. */
export class PlanRunner {
  readonly #plans: ResidentPlans;
  readonly #maxSectionBytes: number;
  readonly #run = new PlanRun();

  constructor(plans: ResidentPlans, maxSectionBytes: number) {
    this.#plans = plans;
    this.#maxSectionBytes = maxSectionBytes;
  }

  estimateUs(handle: number, section: Uint8Array): number {
    const { chunk, base } = this.#plans.table.locate(handle);
    const work = (chunk.memory.i32[(base + WORK_AT) >> 2] as number) >>> 0;
    return BESIDE_RUN_US + BESIDE_US_A_BYTE * section.byteLength + (work * rowsOf(section)) / 1_000;
  }

  /** The answer's section. Throws ShoalError. */
  run(handle: number, section: Uint8Array): Buffer {
    const { table, structures } = this.#plans;
    const { chunk, base } = table.locate(handle);
    const { program } = structures.byId(table.fields.structures[handle] as number);
    const outputs = program.run(this.#run, chunk.memory, base, readInputs(section));
    const answer = Buffer.alloc(outputBytes(outputs, this.#maxSectionBytes));
    writeSection(answer, 0, outputs);
    return answer;
  }
}

/** As the section's first tensor says; whether all say the same is checked by the run. */
function rowsOf(section: Uint8Array): number {
  if (section.byteLength < ROWS_AT + 4 || section[RANK_AT] === 0) return 1;
  return new DataView(section.buffer, section.byteOffset).getUint32(ROWS_AT, true);
}
