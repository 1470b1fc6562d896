import type { ArgStep, TopKStep } from '../../../model/plan/tensor-steps.ts';
import type { Kernel, Layout } from '../kernel.ts';
import { arrayOf, isFloat } from './numbers.ts';

export function argKernel(step: ArgStep, layout: Layout): Kernel {
  const { least, last } = step;
  const { outer, size, inner } = step.axis;
  const float = isFloat(layout, step.input);
  const fromUnit = layout.unit(step.input);
  const toUnit = layout.unit(step.output);
  return (run) => {
    const { rows, f64 } = run;
    const numbers = arrayOf(run, float);
    let to = toUnit * rows;
    for (let line = 0; line < rows * outer; line++) {
      const start = fromUnit * rows + line * size * inner;
      for (let column = start; column < start + inner; column++) {
        let best = 0;
        let found = numbers[column] as number;
        for (let index = 1; index < size; index++) {
          const x = numbers[column + index * inner] as number;
          if (least ? x < found : x > found) {
            best = index;
            found = x;
          } else if (last && x === found) best = index;
        }
        f64[to++] = best;
      }
    }
  };
}

export function topKKernel(step: TopKStep, layout: Layout): Kernel {
  const { k, least } = step;
  const { outer, size, inner } = step.axis;
  const float = isFloat(layout, step.input);
  const fromUnit = layout.unit(step.input);
  const valuesUnit = layout.unit(step.values);
  const indicesUnit = layout.unit(step.indices);
  const chosen = new Int32Array(k);
  return (run) => {
    const { rows, f64 } = run;
    const numbers = arrayOf(run, float);
    for (let line = 0; line < rows * outer; line++) {
      const start = fromUnit * rows + line * size * inner;
      for (let column = 0; column < inner; column++) {
        // Insertion into the best so far.
        let count = 0;
        for (let index = 0; index < size; index++) {
          const x = numbers[start + column + index * inner] as number;
          let place = count;
          while (place > 0) {
            const other = numbers[start + column + (chosen[place - 1] as number) * inner] as number;
            if (!(least ? x < other : x > other)) break;
            if (place < k) chosen[place] = chosen[place - 1] as number;
            place--;
          }
          if (place < k) chosen[place] = index;
          if (count < k) count++;
        }
        const to = line * k * inner + column;
        for (let place = 0; place < k; place++) {
          const index = chosen[place] as number;
          numbers[valuesUnit * rows + to + place * inner] = numbers[start + column + index * inner] as number;
          f64[indicesUnit * rows + to + place * inner] = index;
        }
      }
    }
  };
}
