import type { SectionData } from './blob.ts';
import { checkConstantDims } from './constants.ts';
import { NotCompiled } from './not-compiled.ts';
import type { Register, Step } from './structure.ts';
import { type ConstValue, kindOf, type Origin, type PlanType, type RowValue, sizeOf } from './values.ts';

/** Elements of all registers for one row: more is no small model. */
const MAX_ROW_ELEMENTS = 65_536;
const MAX_STEPS = 4_096;
/** Elements of all constants that are computed while compiling. */
const MAX_FOLDED_ELEMENTS = 1 << 22;
/** What a small model's own numbers take together. */
export const MAX_SECTIONS_BYTES = 32 * 2 ** 20;

/** Values of an input's column at which an answer may change: admission tries rows there. */
export interface Probe extends Origin {
  readonly values: readonly number[] | readonly string[];
}

/** A plan as it grows. */
export class PlanBuilder {
  readonly registers: Register[] = [];
  readonly steps: Step[] = [];
  readonly sections: SectionData[] = [];
  readonly probes: Probe[] = [];
  /** Elementary operations a row. */
  work = 0;
  /** Of matrices, a row: what native code is much better at. */
  products = 0;
  #rowElements = 0;
  #foldedElements = 0;
  #sectionsBytes = 0;
  readonly #constantSections = { f32: new Map<Float64Array, number>(), f64: new Map<Float64Array, number>() };

  /** A fresh register for a value of these dimensions a row. */
  row(
    type: PlanType,
    dims: readonly number[],
    origins?: RowValue['origins'],
    integers?: RowValue['integers'],
  ): RowValue {
    const width = sizeOf(dims);
    // Its other dimensions may be any size, and loops over them endless.
    if (!(width >= 1)) throw new NotCompiled(`has values of no elements ([${dims.join()}] a row)`);
    this.#rowElements += width;
    if (!(this.#rowElements <= MAX_ROW_ELEMENTS))
      throw new NotCompiled(`has values of more than ${MAX_ROW_ELEMENTS} elements a row`);
    this.registers.push({ kind: kindOf(type), width });
    const register = this.registers.length - 1;
    return {
      kind: 'row',
      type,
      dims,
      register,
      ...(origins === undefined ? {} : { origins }),
      ...(integers === undefined ? {} : { integers }),
    };
  }

  /** A constant that is computed while compiling. `data` makes its elements, once it is known not to be too large. */
  constant(type: PlanType, dims: readonly number[], data: () => ConstValue['data']): ConstValue {
    checkConstantDims(dims);
    this.#foldedElements += Math.max(1, sizeOf(dims));
    if (!(this.#foldedElements <= MAX_FOLDED_ELEMENTS))
      throw new NotCompiled(`computes more than ${MAX_FOLDED_ELEMENTS} constants`);
    return { kind: 'const', type, dims, data: data() };
  }

  /** Numbers of the model's own; equal ones are not looked for. */
  section(data: SectionData): number {
    this.#sectionsBytes += data.byteLength;
    if (this.#sectionsBytes > MAX_SECTIONS_BYTES)
      throw new NotCompiled(`holds more than ${MAX_SECTIONS_BYTES} bytes of numbers`);
    this.sections.push(data);
    return this.sections.length - 1;
  }

  /** A constant's numbers: one section however many operators use it. */
  constantSection(data: Float64Array, numbers: 'f32' | 'f64'): number {
    const known = this.#constantSections[numbers];
    const section = known.get(data) ?? this.section(numbers === 'f32' ? Float32Array.from(data) : data);
    known.set(data, section);
    return section;
  }

  /** `work`: its elementary operations a row. */
  step(step: Step, work: number): void {
    if (this.steps.length >= MAX_STEPS) throw new NotCompiled(`takes more than ${MAX_STEPS} steps`);
    this.steps.push(step);
    this.work += work;
  }

  /** Tells what the answer hangs on where `value` is an input's column as it came. */
  probe(value: RowValue, element: number, values: Probe['values']): void {
    const origin = value.origins?.[element];
    if (origin !== undefined && values.length > 0) this.probes.push({ ...origin, values });
  }
}
