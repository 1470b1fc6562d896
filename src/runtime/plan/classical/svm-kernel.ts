import type { SvmKernel } from '../../../model/plan/classical-steps.ts';
import type { PlanRun } from '../run.ts';
import { dots } from './dot.ts';
import { rationalTanh } from './rational.ts';

const { exp, fround } = Math;

/** Where a row and a plan's numbers are, in the arrays of floats. */
export interface Compared {
  from: number;
  columns: number;
  /** gamma, coef0, degree. */
  parameters: number;
  vectors: number;
  count: number;
}

/** Fills `similarities` with those of the row and each of the vectors. */
export type CompareAll = (run: PlanRun, at: Compared, similarities: Float32Array) => void;

export const COMPARISONS: Readonly<Record<SvmKernel, CompareAll>> = {
  LINEAR: products,
  POLY: (run, at, similarities) => {
    affine(run, at, similarities);
    const degree = run.memory.f32[at.parameters + 2] as number;
    for (let index = 0; index < at.count; index++) {
      const base = similarities[index] as number;
      if (degree === 2) similarities[index] = base * base;
      else if (degree === 3) similarities[index] = fround(base * base) * base;
      else similarities[index] = base ** degree;
    }
  },
  RBF: (run, { from, columns, parameters, vectors, count }, similarities) => {
    const { f32 } = run;
    const numbers = run.memory.f32;
    const gamma = -(numbers[parameters] as number);
    let at = vectors;
    for (let index = 0; index < count; index++, at += columns) {
      let sum = 0;
      for (let j = 0; j < columns; j++) {
        const difference = fround((f32[from + j] as number) - (numbers[at + j] as number));
        sum = fround(sum + fround(difference * difference));
      }
      similarities[index] = exp(fround(gamma * sum));
    }
  },
  SIGMOID: (run, at, similarities) => {
    affine(run, at, similarities);
    for (let index = 0; index < at.count; index++)
      similarities[index] = rationalTanh(similarities[index] as number);
  },
};

function products(run: PlanRun, at: Compared, similarities: Float32Array): void {
  dots(run.f32, at.from, run.memory.f32, at.vectors, at.columns, similarities, 0, at.count);
}

function affine(run: PlanRun, at: Compared, similarities: Float32Array): void {
  products(run, at, similarities);
  const numbers = run.memory.f32;
  const gamma = numbers[at.parameters] as number;
  const added = numbers[at.parameters + 1] as number;
  for (let index = 0; index < at.count; index++)
    similarities[index] = gamma * (similarities[index] as number) + added;
}
