import type { LinearClassesStep, LinearStep, PostTransform } from '../../../model/plan/classical-steps.ts';
import type { Kernel, Layout } from '../kernel.ts';
import { dots } from './dot.ts';
import { putLabel } from './labels.ts';
import { logistic, postTransform } from './post-transform.ts';
import { rationalLogistic } from './rational.ts';

export function linearKernel(step: LinearStep, layout: Layout): Kernel {
  const columns = layout.width(step.input);
  const targets = layout.width(step.output);
  const inputUnit = layout.unit(step.input);
  const outputUnit = layout.unit(step.output);
  const { transform } = step;
  return (run) => {
    const { f32, rows } = run;
    const numbers = run.memory.f32;
    const weights = run.section(step.weights) >> 2;
    const intercepts = run.section(step.intercepts) >> 2;
    let from = inputUnit * rows;
    let to = outputUnit * rows;
    for (let row = 0; row < rows; row++, from += columns, to += targets) {
      dots(f32, from, numbers, weights, columns, f32, to, targets);
      for (let target = 0; target < targets; target++)
        f32[to + target] = (f32[to + target] as number) + (numbers[intercepts + target] as number);
      if (transform !== 'NONE') batchedTransform(transform, f32, to, targets);
    }
  };
}

/** Where a whole tensor of scores is transformed, ONNX Runtime has another logistic function than for one score. */
export function batchedTransform(kind: PostTransform, f32: Float32Array, at: number, count: number): void {
  if (kind !== 'LOGISTIC') {
    postTransform(kind, f32, at, count);
    return;
  }
  for (let index = at; index < at + count; index++) f32[index] = rationalLogistic(f32[index] as number);
}

export function linearClassesKernel(step: LinearClassesStep, layout: Layout): Kernel {
  const columns = layout.width(step.input);
  const classes = layout.width(step.scores);
  const inputUnit = layout.unit(step.input);
  const scoresUnit = layout.unit(step.scores);
  const { targets, transform } = step;
  const put = putLabel(step.labels, step.label, layout);
  return (run) => {
    const { f32, rows } = run;
    const numbers = run.memory.f32;
    const weights = run.section(step.weights) >> 2;
    const intercepts = run.section(step.intercepts) >> 2;
    let from = inputUnit * rows;
    let to = scoresUnit * rows;
    for (let row = 0; row < rows; row++, from += columns, to += classes) {
      dots(f32, from, numbers, weights, columns, f32, to, targets);
      for (let target = 0; target < targets; target++)
        f32[to + target] = (f32[to + target] as number) + (numbers[intercepts + target] as number);
      if (targets === 1) {
        put(run, row, (f32[to] as number) > 0 ? 1 : 0);
        bothClasses(transform, f32, to);
      } else {
        put(run, row, greatest(f32, to, targets));
        if (transform !== 'NONE') batchedTransform(transform, f32, to, targets);
      }
    }
  };
}

/** The first of the greatest; NaN is never greater than what came before. */
export function greatest(f32: Float32Array, at: number, count: number): number {
  let best = 0;
  let most = f32[at] as number;
  for (let index = 1; index < count; index++) {
    const score = f32[at + index] as number;
    if (score > most) {
      most = score;
      best = index;
    }
  }
  return best;
}

/** The score of the second class becomes both scores. */
export function bothClasses(transform: PostTransform, f32: Float32Array, at: number): void {
  const score = f32[at] as number;
  f32[at] = transform === 'LOGISTIC' ? logistic(-score) : 1 - score;
  f32[at + 1] = transform === 'LOGISTIC' ? logistic(score) : score;
}
