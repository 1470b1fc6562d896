import { broadcastMap } from '../../../model/plan/shapes.ts';
import type { Spread } from '../../../model/plan/tensor-steps.ts';
import { sizeOf } from '../../../model/plan/values.ts';
import type { Layout } from '../kernel.ts';
import type { PlanRun } from '../run.ts';

export type Numbers = Float32Array | Float64Array;

/** The array that holds a register of numbers. */
export function arrayOf(run: PlanRun, isFloat: boolean): Numbers {
  return isFloat ? run.f32 : run.f64;
}

export function isFloat(layout: Layout, register: number): boolean {
  return layout.kind(register) === 'f32';
}

/** An operand of an element by element step, as it lies. */
export interface Source {
  /** Elements from one row to the next; 0 for a section. */
  readonly rowStep: number;
  /** Elements from one element to the next: 1, or 0 when there is one for all. */
  readonly step: number;
  /** Where else each element of the step is. */
  readonly map: Int32Array | undefined;
  numbers(run: PlanRun): Numbers;
  start(run: PlanRun): number;
}

export function sourceOf(spread: Spread, dims: readonly number[], layout: Layout): Source {
  const own = spread.dims ?? dims;
  const isSingle = sizeOf(own) === 1;
  const map = isSingle ? undefined : broadcastMap(own, dims);
  const step = isSingle ? 0 : 1;
  if ('register' in spread) {
    const float = isFloat(layout, spread.register);
    const unit = layout.unit(spread.register);
    return {
      rowStep: layout.width(spread.register),
      step,
      map,
      numbers: (run) => arrayOf(run, float),
      start: (run) => unit * run.rows,
    };
  }
  const { section } = spread;
  const float = spread.numbers === 'f32';
  return {
    rowStep: 0,
    step,
    map,
    numbers: (run) => (float ? run.memory.f32 : run.memory.f64),
    start: (run) => run.section(section) >> (float ? 2 : 3),
  };
}
