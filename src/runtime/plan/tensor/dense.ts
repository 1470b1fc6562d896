import type { DenseStep } from '../../../model/plan/tensor-steps.ts';
import type { Kernel, Layout } from '../kernel.ts';
import { isFloat } from './numbers.ts';

const { fround } = Math;

export function denseKernel(step: DenseStep, layout: Layout): Kernel {
  return isFloat(layout, step.output) ? floatKernel(step, layout) : doubleKernel(step, layout);
}

/**
 * Four outputs at a time: each element of the input is read once for them, and their sums don't wait for each other.
 * Each term is added with one rounding, one after the other, as ONNX Runtime multiplies two rows and more: the same
 * bits, so that ties and overflows are the same too.
 */
function floatKernel(step: DenseStep, layout: Layout): Kernel {
  const { m, k, n } = step;
  const fromUnit = layout.unit(step.input);
  const toUnit = layout.unit(step.output);
  const quads = n - (n % 4);
  return (run) => {
    const { f32 } = run;
    const numbers = run.memory.f32;
    const weights = run.section(step.weights) >> 2;
    const bias = step.bias === undefined ? -1 : run.section(step.bias) >> 2;
    const alpha = alphaOf(step, run);
    const count = m * run.rows;
    let from = fromUnit * run.rows;
    let to = toUnit * run.rows;
    for (let row = 0; row < count; row++, from += k, to += n) {
      let at = weights;
      let j = 0;
      for (; j < quads; j += 4, at += 4 * k) {
        let s0 = 0;
        let s1 = 0;
        let s2 = 0;
        let s3 = 0;
        const at1 = at + k;
        const at2 = at1 + k;
        const at3 = at2 + k;
        for (let i = 0; i < k; i++) {
          const x = f32[from + i] as number;
          s0 = fround(x * (numbers[at + i] as number) + s0);
          s1 = fround(x * (numbers[at1 + i] as number) + s1);
          s2 = fround(x * (numbers[at2 + i] as number) + s2);
          s3 = fround(x * (numbers[at3 + i] as number) + s3);
        }
        f32[to + j] = alpha * s0 + added(numbers, bias, j);
        f32[to + j + 1] = alpha * s1 + added(numbers, bias, j + 1);
        f32[to + j + 2] = alpha * s2 + added(numbers, bias, j + 2);
        f32[to + j + 3] = alpha * s3 + added(numbers, bias, j + 3);
      }
      for (; j < n; j++, at += k) {
        let sum = 0;
        for (let i = 0; i < k; i++)
          sum = fround((f32[from + i] as number) * (numbers[at + i] as number) + sum);
        f32[to + j] = alpha * sum + added(numbers, bias, j);
      }
    }
  };
}

/** Apart from floats, so that each loop meets arrays of one type. */
function doubleKernel(step: DenseStep, layout: Layout): Kernel {
  const { m, k, n } = step;
  const fromUnit = layout.unit(step.input);
  const toUnit = layout.unit(step.output);
  return (run) => {
    const { f64 } = run;
    const numbers = run.memory.f64;
    const weights = run.section(step.weights) >> 3;
    const bias = step.bias === undefined ? -1 : run.section(step.bias) >> 3;
    const alpha = alphaOf(step, run);
    const count = m * run.rows;
    let from = fromUnit * run.rows;
    let to = toUnit * run.rows;
    for (let row = 0; row < count; row++, from += k, to += n) {
      for (let j = 0; j < n; j++) {
        const at = weights + j * k;
        let sum = 0;
        for (let i = 0; i < k; i++) sum += (f64[from + i] as number) * (numbers[at + i] as number);
        f64[to + j] = alpha * sum + (bias < 0 ? 0 : (numbers[bias + j] as number));
      }
    }
  };
}

function added(numbers: Float32Array, bias: number, index: number): number {
  return bias < 0 ? 0 : (numbers[bias + index] as number);
}

function alphaOf(step: DenseStep, run: Parameters<Kernel>[0]): number {
  return step.alpha === undefined ? 1 : (run.memory.f64[run.section(step.alpha) >> 3] as number);
}
