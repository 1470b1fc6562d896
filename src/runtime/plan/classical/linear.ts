import type { LinearStep } from '../../../model/plan/classical-steps.ts';
import type { Kernel, Layout } from '../kernel.ts';

export function linearKernel(step: LinearStep, layout: Layout): Kernel {
  const columns = layout.width(step.input);
  const targets = layout.width(step.output);
  const inputUnit = layout.unit(step.input);
  const outputUnit = layout.unit(step.output);
  return (run) => {
    const { f32, rows } = run;
    const numbers = run.memory.f32;
    const weights = run.section(step.weights) >> 2;
    const intercepts = run.section(step.intercepts) >> 2;
    let from = inputUnit * rows;
    let to = outputUnit * rows;
    for (let row = 0; row < rows; row++, from += columns) {
      for (let target = 0; target < targets; target++) {
        let sum = 0;
        const at = weights + target * columns;
        for (let j = 0; j < columns; j++) sum += (f32[from + j] as number) * (numbers[at + j] as number);
        f32[to++] = sum + (numbers[intercepts + target] as number);
      }
    }
  };
}
