import type { SvmClassesStep, SvmRegressionStep } from '../../../model/plan/classical-steps.ts';
import type { Kernel, Layout } from '../kernel.ts';
import type { PlanRun } from '../run.ts';
import { dot } from './dot.ts';
import { putLabel } from './labels.ts';
import { batchedTransform, bothClasses } from './linear.ts';
import { classProbabilities, pairProbability } from './pair-probabilities.ts';
import { COMPARISONS, type Compared } from './svm-kernel.ts';

const { fround } = Math;

export function svmRegressionKernel(step: SvmRegressionStep, layout: Layout): Kernel {
  const columns = layout.width(step.input);
  const inputUnit = layout.unit(step.input);
  const outputUnit = layout.unit(step.output);
  const compare = COMPARISONS[step.kernel];
  const compared = { from: 0, columns, parameters: 0, vectors: 0, count: 0 };
  let similarities = new Float32Array(0);
  return (run) => {
    const { f32, rows } = run;
    const numbers = run.memory.f32;
    const count = run.memory.i32[run.section(step.count) >> 2] as number;
    if (similarities.length < count) similarities = new Float32Array(count);
    placeSections(compared, run, step, count);
    const coefficients = run.section(step.coefficients) >> 2;
    const rho = numbers[run.section(step.rho) >> 2] as number;
    for (let row = 0; row < rows; row++) {
      compared.from = inputUnit * rows + row * columns;
      compare(run, compared, similarities);
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
  const compare = COMPARISONS[step.kernel];
  const compared = { from: 0, columns, parameters: 0, vectors: 0, count: 0 };
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
    placeSections(compared, run, step, count);
    const coefficients = run.section(step.coefficients) >> 2;
    const rho = run.section(step.rho) >> 2;
    for (let row = 0; row < rows; row++) {
      compared.from = inputUnit * rows + row * columns;
      compare(run, compared, similarities);
      scorePairs(run, { starts, count, coefficients, rho }, similarities, votes, pairScores);
      put(run, row, mostVotes(votes));
      finish(run, scoresUnit * rows + row * width);
    }
  };
}

function placeSections(
  compared: Compared,
  run: PlanRun,
  step: SvmClassesStep | SvmRegressionStep,
  count: number,
): void {
  compared.parameters = run.section(step.parameters) >> 2;
  compared.vectors = run.section(step.vectors) >> 2;
  compared.count = count;
}

/** In 32-bit words. */
interface PairSections {
  readonly starts: number;
  readonly coefficients: number;
  readonly rho: number;
  readonly count: number;
}

/** Each pair of classes by the vectors of both. */
function scorePairs(
  run: PlanRun,
  sections: PairSections,
  similarities: Float32Array,
  votes: Int32Array,
  pairScores: Float32Array,
): void {
  const numbers = run.memory.f32;
  votes.fill(0);
  let pair = 0;
  for (let i = 0; i < votes.length - 1; i++) {
    for (let j = i + 1; j < votes.length; j++, pair++) {
      const first = partOf(run, sections, similarities, i, j - 1, 0);
      const both = partOf(run, sections, similarities, j, i, first);
      const sum = both + (numbers[sections.rho + pair] as number);
      pairScores[pair] = sum;
      const winner = sum > 0 ? i : j;
      votes[winner] = (votes[winner] as number) + 1;
    }
  }
}

/** Adds one class's vectors by one line of coefficients, in double. */
function partOf(
  run: PlanRun,
  { starts, coefficients, count }: PairSections,
  similarities: Float32Array,
  classIndex: number,
  line: number,
  before: number,
): number {
  const numbers = run.memory.f32;
  const { i32 } = run.memory;
  const at = coefficients + line * count;
  const end = i32[starts + classIndex + 1] as number;
  let sum = before;
  for (let index = i32[starts + classIndex] as number; index < end; index++)
    sum += fround((numbers[at + index] as number) * (similarities[index] as number));
  return sum;
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
