import type { SectionData } from './blob.ts';
import { NotCompiled } from './not-compiled.ts';
import type { Register, Step } from './structure.ts';
import { type ConstValue, kindOf, type Origin, type PlanType, type RowValue, sizeOf } from './values.ts';

/** Elements of all registers for one row: more is no small model. */
const MAX_ROW_ELEMENTS = 65_536;
const MAX_STEPS = 4_096;
/** Elements of all constants that are computed while compiling. */
const MAX_FOLDED_ELEMENTS = 1 << 22;

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

  /** A fresh register for a value of these dimensions a row. */
  row(
    type: PlanType,
    dims: readonly number[],
    origins?: RowValue['origins'],
    integers?: RowValue['integers'],
  ): RowValue {
    const width = sizeOf(dims);
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
    this.#foldedElements += Math.max(1, sizeOf(dims));
    if (!(this.#foldedElements <= MAX_FOLDED_ELEMENTS))
      throw new NotCompiled(`computes more than ${MAX_FOLDED_ELEMENTS} constants`);
    return { kind: 'const', type, dims, data: data() };
  }

  /** Numbers of the model's own; equal ones are not looked for. */
  section(data: SectionData): number {
    this.sections.push(data);
    return this.sections.length - 1;
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
