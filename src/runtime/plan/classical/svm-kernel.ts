import type { SvmKernel } from '../../../model/plan/classical-steps.ts';
import type { PlanRun } from '../run.ts';
import { dot } from './dot.ts';
import { rationalTanh } from './rational.ts';

const { exp, fround } = Math;

/** Of two vectors of floats: the row at `from`, and one in the plan's memory at `at`. */
type Similarity = (run: PlanRun, parameters: number, from: number, at: number, columns: number) => number;

const SIMILARITIES: Readonly<Record<SvmKernel, Similarity>> = {
  LINEAR: (run, _, from, at, columns) => dot(run.f32, from, run.memory.f32, at, columns),
  POLY: (run, parameters, from, at, columns) => {
    const base = affine(run, parameters, from, at, columns);
    const degree = run.memory.f32[parameters + 2] as number;
    if (degree === 2) return base * base;
    return degree === 3 ? fround(base * base) * base : base ** degree;
  },
  RBF: (run, parameters, from, at, columns) => {
    const { f32 } = run;
    const vectors = run.memory.f32;
    let sum = 0;
    for (let j = 0; j < columns; j++) {
      const difference = fround((f32[from + j] as number) - (vectors[at + j] as number));
      sum = fround(sum + fround(difference * difference));
    }
    return exp(fround(-(vectors[parameters] as number) * sum));
  },
  SIGMOID: (run, parameters, from, at, columns) => rationalTanh(affine(run, parameters, from, at, columns)),
};

function affine(run: PlanRun, parameters: number, from: number, at: number, columns: number): number {
  const numbers = run.memory.f32;
  const product = dot(run.f32, from, numbers, at, columns);
  return fround((numbers[parameters] as number) * product + (numbers[parameters + 1] as number));
}

/** Fills `similarities` with those of the row at `from` and each of `count` vectors. Sections are in 32-bit words. */
export type CompareAll = (
  run: PlanRun,
  sections: { readonly parameters: number; readonly vectors: number },
  from: number,
  similarities: Float32Array,
  count: number,
) => void;

export function compareAll(kernel: SvmKernel, columns: number): CompareAll {
  const similarity = SIMILARITIES[kernel];
  return (run, { parameters, vectors }, from, similarities, count) => {
    for (let index = 0; index < count; index++)
      similarities[index] = similarity(run, parameters, from, vectors + index * columns, columns);
  };
}
