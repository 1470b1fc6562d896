import type { BinarizeStep, ImputeStep } from '../../../model/plan/classical-steps.ts';
import type { Kernel, Layout } from '../kernel.ts';
import { modelFailed } from './failures.ts';

export function imputeKernel(step: ImputeStep, layout: Layout): Kernel {
  const columns = layout.width(step.input);
  const inputUnit = layout.unit(step.input);
  const outputUnit = layout.unit(step.output);
  const isFloat = layout.kind(step.input) === 'f32';
  return (run) => {
    const { rows } = run;
    const elements = isFloat ? run.f32 : run.f64;
    const numbers = isFloat ? run.memory.f32 : run.memory.f64;
    const section = run.section(step.section) >> (isFloat ? 2 : 3);
    const replaced = numbers[section] as number;
    // NaN is told by not being itself.
    const replacesNaN = Number.isNaN(replaced);
    let from = inputUnit * rows;
    let to = outputUnit * rows;
    for (let row = 0; row < rows; row++, from += columns, to += columns) {
      for (let j = 0; j < columns; j++) {
        const value = elements[from + j] as number;
        const hits = value === replaced || (replacesNaN && Number.isNaN(value));
        elements[to + j] = hits ? (numbers[section + 1 + j] as number) : value;
      }
    }
  };
}

export function binarizeKernel(step: BinarizeStep, layout: Layout): Kernel {
  const columns = layout.width(step.input);
  const inputUnit = layout.unit(step.input);
  const outputUnit = layout.unit(step.output);
  return (run) => {
    const { f32, rows } = run;
    const threshold = run.memory.f32[run.section(step.threshold) >> 2] as number;
    const from = inputUnit * rows;
    const to = outputUnit * rows;
    for (let index = 0; index < columns * rows; index++) {
      const value = f32[from + index] as number;
      if (Number.isNaN(value)) throw modelFailed('Binarizer takes no NaN');
      f32[to + index] = value > threshold ? 1 : 0;
    }
  };
}
