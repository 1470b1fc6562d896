import type { TreeScoresStep } from '../../../model/plan/tree-steps.ts';
import { postTransform } from '../classical/post-transform.ts';
import type { Kernel, Layout } from '../kernel.ts';
import { numbersAt, numbersOf } from './numbers.ts';
import { isScored, rounding } from './scored.ts';

/** What a regression answers. A target that no leaf had a weight for is 0, whatever is to be added. */
export function treeScoresKernel(step: TreeScoresStep, layout: Layout): Kernel {
  const { average, baseValues, postTransform: transform } = step;
  const targets = layout.width(step.sums);
  const sumsUnit = layout.unit(step.sums);
  const isDouble = layout.kind(step.sums) === 'f64';
  const round = rounding(isDouble);
  const scored = isScored(step, layout);
  const outputUnit = layout.unit(step.output);
  const isDoubleOutput = layout.kind(step.output) === 'f64';
  // Functions are applied to floats, whatever the output is of.
  const transformed = new Float32Array(isDoubleOutput && transform !== 'NONE' ? targets : 0);
  return (run) => {
    const { rows } = run;
    const sums = isDouble ? run.f64 : run.f32;
    const outputs = isDoubleOutput ? run.f64 : run.f32;
    const bases = numbersOf(run.memory, baseValues.numbers);
    const basesAt = numbersAt(run, baseValues.numbers);
    const trees = average === undefined ? 1 : (run.memory.i32[run.section(average) >> 2] as number);
    let from = sumsUnit * rows;
    let to = outputUnit * rows;
    for (let row = 0; row < rows; row++, to += targets) {
      for (let target = 0; target < targets; target++, from++) {
        const base = baseValues.count === 0 ? 0 : (bases[basesAt + target] as number);
        const score = round((sums[from] as number) / trees);
        outputs[to + target] = scored(run, row, target) ? round(score + base) : 0;
      }
      if (!isDoubleOutput) postTransform(transform, run.f32, to, targets);
      else if (transform !== 'NONE') {
        transformed.set(run.f64.subarray(to, to + targets));
        postTransform(transform, transformed, 0, targets);
        run.f64.set(transformed, to);
      }
    }
  };
}
