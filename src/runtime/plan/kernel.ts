import type { Register, RegisterKind } from '../../model/plan/structure.ts';
import type { PlanRun } from './run.ts';

/** Does one step for all rows of a run's block. Throws ShoalError: INVALID_INPUT, MODEL_FAILED. */
export type Kernel = (run: PlanRun) => void;

/** Where registers are. */
export interface Layout {
  /** A register starts at this times the run's rows, in the array of its kind. */
  unit(register: number): number;
  width(register: number): number;
  kind(register: number): RegisterKind;
}

export interface PlacedRegisters extends Layout {
  /** Elements a row of each array. */
  readonly f32: number;
  readonly f64: number;
}

/** One register after the other in the array of its kind. */
export function placeRegisters(registers: readonly Register[]): PlacedRegisters {
  const sums = { f32: 0, f64: 0, text: 0 };
  const units = registers.map(({ kind, width }) => {
    const array = kind === 'int' ? 'f64' : kind;
    const unit = sums[array];
    sums[array] += width;
    return unit;
  });
  return {
    unit: (register) => units[register] as number,
    width: (register) => (registers[register] as Register).width,
    kind: (register) => (registers[register] as Register).kind,
    f32: sums.f32,
    f64: sums.f64,
  };
}
