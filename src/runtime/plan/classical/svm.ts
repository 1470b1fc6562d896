import type { SvmClassesStep, SvmRegressionStep } from '../../../model/plan/classical-steps.ts';
import type { Kernel, Layout } from '../kernel.ts';
import type { PlanRun } from '../run.ts';
import { dot } from './dot.ts';
import { putLabel } from './labels.ts';
import { batchedTransform, bothClasses } from './linear.ts';
import { classProbabilities, pairProbability } from './pair-probabilities.ts';
import { compareAll } from './svm-kernel.ts';

const { fround } = Math;

export function svmRegressionKernel(step: SvmRegressionStep, layout: Layout): Kernel {
  const columns = layout.width(step.input);
  const inputUnit = layout.unit(step.input);
  const outputUnit = layout.unit(step.output);
  const compare = compareAll(step.kernel, columns);
  let similarities = new Float32Array(0);
  return (run) => {
    const { f32, rows } = run;
    const numbers = run.memory.f32;
    const count = run.memory.i32[run.section(step.count) >> 2] as number;
    if (similarities.length < count) similarities = new Float32Array(count);
    const sections = sectionsOf(run, step);
    const coefficients = run.section(step.coefficients) >> 2;
    const rho = numbers[run.section(step.rho) >> 2] as number;
    for (let row = 0; row < rows; row++) {
      compare(run, sections, inputUnit * rows + row * columns, similarities, count);
      const value = fround(dot(similarities, 0, numbers, coefficients, count) + rho);
      f32[outputUnit * rows + row] = step.oneClass ? (value > 0 ? 1 : -1) : value;
    }
  };
}

export function svmClassesKernel(step: SvmClassesStep, layout: Layout): Kernel {
  const columns = layout.width(step.input);
  const inputUnit = layout.unit(step.input);
  const scoresUnit = layout.unit(step.scores);
  const width = layout.width(step.scores);
  const classes = step.labels.length;
  const compare = compareAll(step.kernel, columns);
  const put = putLabel(step.labels, step.label, layout);
  const votes = new Int32Array(classes);
  const pairScores = new Float32Array((classes * (classes - 1)) / 2);
  const finish = scoresOf(step, pairScores);
  let similarities = new Float32Array(0);
  return (run) => {
    const { rows } = run;
    const starts = run.section(step.starts) >> 2;
    const count = run.memory.i32[starts + classes] as number;
    if (similarities.length < count) similarities = new Float32Array(count);
    const sections = sectionsOf(run, step);
    const coefficients = run.section(step.coefficients) >> 2;
    const rho = run.section(step.rho) >> 2;
    for (let row = 0; row < rows; row++) {
      compare(run, sections, inputUnit * rows + row * columns, similarities, count);
      scorePairs(run, { starts, count, coefficients, rho }, similarities, votes, pairScores);
      put(run, row, mostVotes(votes));
      finish(run, scoresUnit * rows + row * width);
    }
  };
}

function sectionsOf(
  run: PlanRun,
  step: SvmClassesStep | SvmRegressionStep,
): { parameters: number; vectors: number } {
  return { parameters: run.section(step.parameters) >> 2, vectors: run.section(step.vectors) >> 2 };
}

/** Each pair of classes by the vectors of both. Sections are in 32-bit words. */
function scorePairs(
  run: PlanRun,
  sections: {
    readonly starts: number;
    readonly count: number;
    readonly coefficients: number;
    readonly rho: number;
  },
  similarities: Float32Array,
  votes: Int32Array,
  pairScores: Float32Array,
): void {
  const { starts, count, coefficients, rho } = sections;
  const numbers = run.memory.f32;
  const { i32 } = run.memory;
  votes.fill(0);
  let pair = 0;
  const part = (classIndex: number, line: number, before: number): number => {
    let sum = before;
    const at = coefficients + line * count;
    const end = i32[starts + classIndex + 1] as number;
    for (let index = i32[starts + classIndex] as number; index < end; index++)
      sum += fround((numbers[at + index] as number) * (similarities[index] as number));
    return sum;
  };
  for (let i = 0; i < votes.length - 1; i++) {
    for (let j = i + 1; j < votes.length; j++, pair++) {
      const sum = part(j, i, part(i, j - 1, 0)) + (numbers[rho + pair] as number);
      pairScores[pair] = sum;
      const winner = sum > 0 ? i : j;
      votes[winner] = (votes[winner] as number) + 1;
    }
  }
}

function mostVotes(votes: Int32Array): number {
  let best = 0;
  for (let index = 1; index < votes.length; index++)
    if ((votes[index] as number) > (votes[best] as number)) best = index;
  return best;
}

/** What becomes of the pairs' scores in the output at `to`. */
function scoresOf(step: SvmClassesStep, pairScores: Float32Array): (run: PlanRun, to: number) => void {
  const { transform, probabilities } = step;
  const classes = step.labels.length;
  if (probabilities !== undefined) {
    const pairs = new Float32Array(classes * classes);
    return (run, to) => {
      const a = run.section(probabilities.a) >> 2;
      const b = run.section(probabilities.b) >> 2;
      const numbers = run.memory.f32;
      let pair = 0;
      for (let i = 0; i < classes - 1; i++) {
        for (let j = i + 1; j < classes; j++, pair++) {
          const first = pairProbability(
            pairScores[pair] as number,
            numbers[a + pair] as number,
            numbers[b + pair] as number,
          );
          pairs[i * classes + j] = first;
          pairs[j * classes + i] = 1 - first;
        }
      }
      classProbabilities(pairs, classes, run.f32, to);
      batchedTransform(transform, run.f32, to, classes);
    };
  }
  if (classes > 2)
    return (run, to) => {
      run.f32.set(pairScores, to);
      batchedTransform(transform, run.f32, to, pairScores.length);
    };
  return ({ f32 }, to) => {
    const score = pairScores[0] as number;
    f32[to] = score;
    bothClasses(transform, f32, to);
    if (transform === 'NONE') f32[to] = -score;
  };
}
