import { stridesOf, viewMap } from '../../../model/plan/shapes.ts';
import type { ReduceName, ReduceStep } from '../../../model/plan/tensor-steps.ts';
import type { Kernel, Layout } from '../kernel.ts';
import { arrayOf, isFloat, type Numbers } from './numbers.ts';

/** Of the elements `from + places[0]`, `from + places[1]`, ... */
type Aggregate = (numbers: Numbers, from: number, places: Int32Array) => number;

export function reduceKernel(step: ReduceStep, layout: Layout): Kernel {
  const strides = stridesOf(step.dims);
  const kept = step.dims.map((_, axis) => axis).filter((axis) => !step.axes.includes(axis));
  const mapOf = (axes: readonly number[]) =>
    viewMap(
      axes.map((axis) => step.dims[axis] as number),
      axes.map((axis) => strides[axis] as number),
    );
  const starts = mapOf(kept);
  const places = mapOf(step.axes);
  const aggregate = AGGREGATES[step.f];
  const width = layout.width(step.input);
  const fromFloat = isFloat(layout, step.input);
  const fromUnit = layout.unit(step.input);
  const toUnit = layout.unit(step.output);
  return (run) => {
    const { rows } = run;
    const numbers = arrayOf(run, fromFloat);
    let from = fromUnit * rows;
    let to = toUnit * rows;
    for (let row = 0; row < rows; row++, from += width)
      for (const start of starts) numbers[to++] = aggregate(numbers, from + start, places);
  };
}

const sum: Aggregate = (numbers, from, places) => {
  let total = 0;
  for (let index = 0; index < places.length; index++)
    total += numbers[from + (places[index] as number)] as number;
  return total;
};

const sumSquare: Aggregate = (numbers, from, places) => {
  let total = 0;
  for (let index = 0; index < places.length; index++) {
    const x = numbers[from + (places[index] as number)] as number;
    total += x * x;
  }
  return total;
};

/** NaN stays when it comes first and is passed over later, as in ONNX Runtime's short reductions. */
const greatest: Aggregate = (numbers, from, places) => {
  let found = numbers[from + (places[0] as number)] as number;
  for (let index = 1; index < places.length; index++) {
    const x = numbers[from + (places[index] as number)] as number;
    if (x > found) found = x;
  }
  return found;
};

const AGGREGATES: Readonly<Record<ReduceName, Aggregate>> = {
  sum,
  sumSquare,
  max: greatest,
  mean: (numbers, from, places) => sum(numbers, from, places) / places.length,
  l2(numbers, from, places) {
    const squares = sumSquare(numbers, from, places);
    // Of floats, those of large numbers overflow before the root is taken.
    return Math.sqrt(numbers instanceof Float32Array ? Math.fround(squares) : squares);
  },
  logSum: (numbers, from, places) => Math.log(sum(numbers, from, places)),
  min(numbers, from, places) {
    let found = numbers[from + (places[0] as number)] as number;
    for (let index = 1; index < places.length; index++) {
      const x = numbers[from + (places[index] as number)] as number;
      if (x < found) found = x;
    }
    return found;
  },
  prod(numbers, from, places) {
    let product = 1;
    for (let index = 0; index < places.length; index++)
      product *= numbers[from + (places[index] as number)] as number;
    return product;
  },
  l1(numbers, from, places) {
    let total = 0;
    for (let index = 0; index < places.length; index++)
      total += Math.abs(numbers[from + (places[index] as number)] as number);
    return total;
  },
  logSumExp(numbers, from, places) {
    const most = greatest(numbers, from, places);
    const base = Number.isFinite(most) ? most : 0;
    let total = 0;
    for (let index = 0; index < places.length; index++)
      total += Math.exp((numbers[from + (places[index] as number)] as number) - base);
    // Terms too small for a float's sum are too small for its logarithm.
    return Math.log(numbers instanceof Float32Array ? Math.fround(total) : total) + base;
  },
};
