import type { ColumnsStep } from '../../../model/plan/classical-steps.ts';
import type { Kernel, Layout } from '../kernel.ts';
import type { PlanRun } from '../run.ts';

type Register = (run: PlanRun) => Float32Array | Float64Array | string[];

export function columnsKernel(step: ColumnsStep, layout: Layout): Kernel {
  const inputUnit = layout.unit(step.input);
  const inputWidth = layout.width(step.input);
  const outputUnit = layout.unit(step.output);
  const outputWidth = layout.width(step.output);
  const columns = Int32Array.from(step.columns ?? Array.from({ length: inputWidth }, (_, column) => column));
  const arrayOf = (register: number): Register => {
    const kind = layout.kind(register);
    if (kind === 'text') return (run) => run.text;
    return kind === 'f32' ? (run) => run.f32 : (run) => run.f64;
  };
  const source = arrayOf(step.input);
  const target = arrayOf(step.output);
  return (run) => {
    const { rows } = run;
    // Both are texts or both are not.
    const from = source(run) as Float64Array;
    const to = target(run) as Float64Array;
    let fromAt = inputUnit * rows;
    let toAt = outputUnit * rows + step.at;
    for (let row = 0; row < rows; row++, fromAt += inputWidth, toAt += outputWidth) {
      for (let index = 0; index < columns.length; index++) {
        const column = columns[index] as number;
        to[toAt + index] = column < 0 ? 0 : (from[fromAt + column] as number);
      }
    }
  };
}
