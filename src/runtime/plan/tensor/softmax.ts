import type { SoftmaxStep } from '../../../model/plan/tensor-steps.ts';
import type { Kernel, Layout } from '../kernel.ts';
import { arrayOf, isFloat } from './numbers.ts';

export function softmaxKernel(step: SoftmaxStep, layout: Layout): Kernel {
  const { log } = step;
  const { outer, size, inner } = step.axis;
  const float = isFloat(layout, step.input);
  const fromUnit = layout.unit(step.input);
  const toUnit = layout.unit(step.output);
  const rounded = float ? Math.fround : (x: number) => x;
  return (run) => {
    const { rows } = run;
    const numbers = arrayOf(run, float);
    for (let line = 0; line < rows * outer; line++) {
      const start = fromUnit * rows + line * size * inner;
      const to = toUnit * rows - fromUnit * rows;
      for (let column = start; column < start + inner; column++) {
        const end = column + size * inner;
        let most = -Infinity;
        for (let at = column; at < end; at += inner) most = Math.max(most, numbers[at] as number);
        let sum = 0;
        for (let at = column; at < end; at += inner) {
          const power = Math.exp((numbers[at] as number) - most);
          numbers[to + at] = power;
          sum += power;
        }
        // Terms too small for a float's sum are too small for its logarithm.
        const logSum = float ? Math.fround(Math.log(Math.fround(sum))) : Math.log(sum);
        for (let at = column; at < end; at += inner)
          numbers[to + at] = log
            ? rounded((numbers[at] as number) - most) - logSum
            : (numbers[to + at] as number) / sum;
      }
    }
  };
}
