import { BINARY } from '../../../model/plan/functions.ts';
import type { BinaryStep } from '../../../model/plan/tensor-steps.ts';
import { sizeOf } from '../../../model/plan/values.ts';
import type { Kernel, Layout } from '../kernel.ts';
import { arrayOf, isFloat, type Numbers, type Source, sourceOf } from './numbers.ts';

export function binaryKernel(step: BinaryStep, layout: Layout): Kernel {
  const a = sourceOf(step.a, step.dims, layout);
  const b = sourceOf(step.b, step.dims, layout);
  const width = sizeOf(step.dims);
  const float = isFloat(layout, step.output);
  const unit = layout.unit(step.output);
  const loop = loopOf(step.f, a, b);
  // Where both go on from row to row as they do from element to element, a block is one long row.
  const isFlat = isEven(a, width) && isEven(b, width);
  return (run) => {
    const { rows } = run;
    const x = a.numbers(run);
    const y = b.numbers(run);
    const output = arrayOf(run, float);
    let xAt = a.start(run);
    let yAt = b.start(run);
    let to = unit * rows;
    const rounds = isFlat ? 1 : rows;
    const count = isFlat ? width * rows : width;
    for (let round = 0; round < rounds; round++) {
      loop(x, xAt, a.step, y, yAt, b.step, output, to, count);
      xAt += a.rowStep;
      yAt += b.rowStep;
      to += count;
    }
  };
}

function isEven({ map, step, rowStep }: Source, width: number): boolean {
  return map === undefined && rowStep === step * width;
}

type Loop = (
  x: Numbers,
  xAt: number,
  xStep: number,
  y: Numbers,
  yAt: number,
  yStep: number,
  output: Numbers,
  to: number,
  count: number,
) => void;

function loopOf(f: BinaryStep['f'], a: Source, b: Source): Loop {
  if (a.map === undefined && b.map === undefined && f in LOOPS) return LOOPS[f as keyof typeof LOOPS];
  const apply = BINARY[f];
  const aMap = a.map;
  const bMap = b.map;
  return (x, xAt, xStep, y, yAt, yStep, output, to, count) => {
    for (let index = 0; index < count; index++) {
      const left = x[xAt + (aMap === undefined ? index * xStep : (aMap[index] as number))] as number;
      const right = y[yAt + (bMap === undefined ? index * yStep : (bMap[index] as number))] as number;
      output[to + index] = apply(left, right);
    }
  };
}

/** Loops of their own for what is met most. */
const LOOPS = {
  add(x, xAt, xStep, y, yAt, yStep, output, to, count) {
    for (let index = 0; index < count; index++)
      output[to + index] = (x[xAt + index * xStep] as number) + (y[yAt + index * yStep] as number);
  },
  sub(x, xAt, xStep, y, yAt, yStep, output, to, count) {
    for (let index = 0; index < count; index++)
      output[to + index] = (x[xAt + index * xStep] as number) - (y[yAt + index * yStep] as number);
  },
  mul(x, xAt, xStep, y, yAt, yStep, output, to, count) {
    for (let index = 0; index < count; index++)
      output[to + index] = (x[xAt + index * xStep] as number) * (y[yAt + index * yStep] as number);
  },
  div(x, xAt, xStep, y, yAt, yStep, output, to, count) {
    for (let index = 0; index < count; index++)
      output[to + index] = (x[xAt + index * xStep] as number) / (y[yAt + index * yStep] as number);
  },
} as const satisfies Record<string, Loop>;
