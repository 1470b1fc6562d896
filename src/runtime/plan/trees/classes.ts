import type { TreeClassesStep } from '../../../model/plan/tree-steps.ts';
import { putLabel } from '../classical/labels.ts';
import { logistic, postTransform } from '../classical/post-transform.ts';
import type { Kernel, Layout } from '../kernel.ts';
import type { PlanRun } from '../run.ts';
import { numbersAt, numbersOf } from './numbers.ts';
import { isScored, rounding } from './scored.ts';

/** Writes a row's scores from `to` on and answers which class it is. */
type Classify = (run: PlanRun, row: number, from: number, to: number) => number;

export function treeClassesKernel(step: TreeClassesStep, layout: Layout): Kernel {
  const classes = layout.width(step.sums);
  const sumsUnit = layout.unit(step.sums);
  const outputUnit = layout.unit(step.output);
  const put = putLabel(step.labels, step.label, layout);
  const classify = classes === 2 ? ofTwo(step, layout) : ofMany(step, layout, classes);
  return (run) => {
    const { rows } = run;
    let from = sumsUnit * rows;
    let to = outputUnit * rows;
    for (let row = 0; row < rows; row++, from += classes, to += classes)
      put(run, row, classify(run, row, from, to));
  };
}

/** The greatest score, the first of equal ones; classes without any score are left out. */
function ofMany(step: TreeClassesStep, layout: Layout, classes: number): Classify {
  const { baseValues } = step;
  const isDouble = layout.kind(step.sums) === 'f64';
  const round = rounding(isDouble);
  const scored = isScored(step, layout);
  return (run, row, from, to) => {
    const sums = isDouble ? run.f64 : run.f32;
    const bases = numbersOf(run.memory, baseValues.numbers);
    const basesAt = numbersAt(run, baseValues.numbers);
    let best = -1;
    let most = 0;
    for (let index = 0; index < classes; index++) {
      const isSummed = scored(run, row, index);
      const hasScore = isSummed || baseValues.count > 0;
      const base = baseValues.count > 0 ? (bases[basesAt + index] as number) : 0;
      const score = isSummed ? round((sums[from + index] as number) + base) : base;
      run.f32[to + index] = hasScore ? score : 0;
      if (hasScore && (best === -1 || score > most)) {
        best = index;
        most = score;
      }
    }
    postTransform(step.postTransform, run.f32, to, classes);
    return Math.max(0, best);
  };
}

/** As ONNX Runtime does it, in words nowhere written: one score stands for both classes where only one has weights. */
function ofTwo(step: TreeClassesStep, layout: Layout): Classify {
  const { baseValues, isBinary, postTransform: transform } = step;
  const isDouble = layout.kind(step.sums) === 'f64';
  const round = rounding(isDouble);
  const scored = isScored(step, layout);
  return (run, row, from, to) => {
    const sums = isDouble ? run.f64 : run.f32;
    const { f32, memory } = run;
    const bases = numbersOf(memory, baseValues.numbers);
    const basesAt = numbersAt(run, baseValues.numbers);
    const has0 = scored(run, row, 0);
    const has1 = scored(run, row, 1);
    let score0 = sums[from] as number;
    let score1 = sums[from + 1] as number;
    if (baseValues.count === 2 && has1) {
      score1 = round((bases[basesAt + 1] as number) + score0);
      score0 = -score1;
    } else if (baseValues.count > 0) score0 = round(score0 + (bases[basesAt] as number));
    const share = memory.i32[run.section(step.shares) >> 2] === 1;
    const positive = has1 ? score1 : has0 ? score0 : 0;
    const answer = positive > (isBinary && share ? 0.5 : 0) ? 1 : 0;
    if (has1 || baseValues.count === 2) {
      f32[to] = has0 ? score0 : 0;
      f32[to + 1] = has1 ? score1 : 0;
      postTransform(transform, f32, to, 2);
      return answer;
    }
    const score = has0 ? score0 : 0;
    if (transform === 'LOGISTIC') {
      f32[to] = logistic(Math.fround(-score));
      f32[to + 1] = logistic(Math.fround(score));
    } else {
      f32[to] = isBinary && share ? 1 - score : -score;
      f32[to + 1] = score;
    }
    return answer;
  };
}
