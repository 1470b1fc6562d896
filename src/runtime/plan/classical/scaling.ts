import type { NormalizeStep, ScaleStep } from '../../../model/plan/classical-steps.ts';
import type { Kernel, Layout } from '../kernel.ts';

const { abs, fround, sqrt } = Math;
const LOWEST = -3.4028234663852886e38;

export function scaleKernel(step: ScaleStep, layout: Layout): Kernel {
  const columns = layout.width(step.input);
  const inputUnit = layout.unit(step.input);
  const outputUnit = layout.unit(step.output);
  const kind = layout.kind(step.input);
  return (run) => {
    const { f32, rows } = run;
    const numbers = run.memory.f32;
    const offsets = run.section(step.offsets) >> 2;
    const scales = run.section(step.scales) >> 2;
    let from = inputUnit * rows;
    let to = outputUnit * rows;
    for (let row = 0; row < rows; row++, from += columns, to += columns) {
      if (kind === 'f32')
        for (let j = 0; j < columns; j++)
          f32[to + j] =
            fround((f32[from + j] as number) - (numbers[offsets + j] as number)) *
            (numbers[scales + j] as number);
      else if (kind === 'int')
        for (let j = 0; j < columns; j++)
          f32[to + j] =
            fround(fround(run.f64[from + j] as number) - (numbers[offsets + j] as number)) *
            (numbers[scales + j] as number);
      else
        for (let j = 0; j < columns; j++)
          f32[to + j] =
            ((run.f64[from + j] as number) - (numbers[offsets + j] as number)) *
            (numbers[scales + j] as number);
    }
  };
}

type Norm = (f32: Float32Array, from: number, to: number, columns: number) => void;

const NORMS: Readonly<Record<NormalizeStep['norm'], Norm>> = {
  MAX: (f32, from, to, columns) => {
    let most = LOWEST;
    for (let j = from; j < from + columns; j++) if ((f32[j] as number) > most) most = f32[j] as number;
    divide(f32, from, to, columns, most);
  },
  L1: (f32, from, to, columns) => {
    let sum = 0;
    for (let j = from; j < from + columns; j++) sum = fround(sum + abs(f32[j] as number));
    divide(f32, from, to, columns, sum);
  },
  L2: (f32, from, to, columns) => {
    let sum = 0;
    for (let j = from; j < from + columns; j++)
      sum = fround(sum + fround((f32[j] as number) * (f32[j] as number)));
    if (sum === 0) {
      divide(f32, from, to, columns, 0);
      return;
    }
    for (let j = 0; j < columns; j++) {
      const value = f32[from + j] as number;
      const root = sqrt(fround(fround(value * value) / sum));
      f32[to + j] = value < 0 ? -root : root;
    }
  },
};

/** A row of norm 0 stays as it is. */
function divide(f32: Float32Array, from: number, to: number, columns: number, norm: number): void {
  for (let j = 0; j < columns; j++)
    f32[to + j] = norm === 0 ? (f32[from + j] as number) : (f32[from + j] as number) / norm;
}

export function normalizeKernel(step: NormalizeStep, layout: Layout): Kernel {
  const columns = layout.width(step.input);
  const inputUnit = layout.unit(step.input);
  const outputUnit = layout.unit(step.output);
  const normalize = NORMS[step.norm];
  return (run) => {
    const { f32, rows } = run;
    for (let row = 0; row < rows; row++)
      normalize(f32, inputUnit * rows + row * columns, outputUnit * rows + row * columns, columns);
  };
}
