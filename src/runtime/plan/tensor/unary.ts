import { UNARY, type UnaryName } from '../../../model/plan/functions.ts';
import type { UnaryStep, WhereStep } from '../../../model/plan/tensor-steps.ts';
import { sizeOf } from '../../../model/plan/values.ts';
import { rationalLogistic, rationalTanh } from '../classical/rational.ts';
import type { Kernel, Layout } from '../kernel.ts';
import { arrayOf, isFloat, type Source, sourceOf } from './numbers.ts';

export function unaryKernel(step: UnaryStep, layout: Layout): Kernel {
  const apply = functionOf(step.f, isFloat(layout, step.output));
  const { parameters } = step;
  const width = layout.width(step.output);
  const fromFloat = isFloat(layout, step.input);
  const toFloat = isFloat(layout, step.output);
  const fromUnit = layout.unit(step.input);
  const toUnit = layout.unit(step.output);
  return (run) => {
    const { rows, memory } = run;
    const at = parameters === undefined ? 0 : run.section(parameters) >> 3;
    const p = parameters === undefined ? 0 : (memory.f64[at] as number);
    const q = parameters === undefined ? 0 : (memory.f64[at + 1] as number);
    const input = arrayOf(run, fromFloat);
    const output = arrayOf(run, toFloat);
    const from = fromUnit * rows;
    const to = toUnit * rows;
    const count = width * rows;
    for (let index = 0; index < count; index++)
      output[to + index] = apply(input[from + index] as number, p, q);
  };
}

/** Of floats ONNX Runtime has two functions whose small results are less exact than their own. */
function functionOf(f: UnaryName, float: boolean): (x: number, p: number, q: number) => number {
  if (float && f === 'sigmoid') return rationalLogistic;
  if (float && f === 'tanh') return rationalTanh;
  return UNARY[f];
}

export function whereKernel(step: WhereStep, layout: Layout): Kernel {
  const condition = sourceOf(step.condition, step.dims, layout);
  const a = sourceOf(step.a, step.dims, layout);
  const b = sourceOf(step.b, step.dims, layout);
  const width = sizeOf(step.dims);
  const float = isFloat(layout, step.output);
  const unit = layout.unit(step.output);
  return (run) => {
    const { rows } = run;
    const output = arrayOf(run, float);
    const test = condition.numbers(run);
    const x = a.numbers(run);
    const y = b.numbers(run);
    const testStart = condition.start(run);
    const xStart = a.start(run);
    const yStart = b.start(run);
    for (let row = 0; row < rows; row++) {
      const to = (unit * rows + row * width) | 0;
      const testAt = testStart + row * condition.rowStep;
      const xAt = xStart + row * a.rowStep;
      const yAt = yStart + row * b.rowStep;
      for (let index = 0; index < width; index++)
        output[to + index] = (
          test[testAt + place(condition, index)] === 0 ? y[yAt + place(b, index)] : x[xAt + place(a, index)]
        ) as number;
    }
  };
}

function place({ map, step }: Source, index: number): number {
  return map === undefined ? index * step : (map[index] as number);
}
