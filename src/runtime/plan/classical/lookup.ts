import type { LookupStep, OneHotStep, PickStep } from '../../../model/plan/classical-steps.ts';
import type { Kernel, Layout } from '../kernel.ts';
import type { PlanRun } from '../run.ts';
import { modelFailed } from './failures.ts';
import { findKey, findNumber, putValue } from './keys.ts';

export function lookupKernel(step: LookupStep, layout: Layout): Kernel {
  const width = layout.width(step.input);
  const inputUnit = layout.unit(step.input);
  const outputUnit = layout.unit(step.output);
  const find = findKey(step.keys, step.input, layout);
  const put = putValue(step.values, step.output, layout);
  return (run) => {
    const { rows } = run;
    const from = inputUnit * rows;
    const to = outputUnit * rows;
    for (let index = 0; index < width * rows; index++) put(run, to + index, find(run, from + index));
  };
}

export function oneHotKernel(step: OneHotStep, layout: Layout): Kernel {
  const width = layout.width(step.input);
  const inputUnit = layout.unit(step.input);
  const outputUnit = layout.unit(step.output);
  const { categories } = step;
  const find = columnOf(step, layout);
  return (run) => {
    const { f32, rows } = run;
    const from = inputUnit * rows;
    const to = outputUnit * rows;
    f32.fill(0, to, to + width * rows * categories);
    for (let index = 0; index < width * rows; index++) {
      const column = find(run, from + index);
      if (column >= 0) f32[to + index * categories + column] = 1;
      else if (!step.zeros) throw modelFailed('OneHotEncoder knows no such category');
    }
  };
}

/** -1: no category. */
function columnOf(step: OneHotStep, layout: Layout): (run: PlanRun, element: number) => number {
  const { keys, columns, categories } = step;
  if ('texts' in keys || columns === undefined) {
    const find = findKey(keys, step.input, layout);
    return (run, element) => {
      const place = find(run, element);
      return place < categories ? place : -1;
    };
  }
  const { section } = keys;
  const isFloat = layout.kind(step.input) === 'f32';
  return (run, element) => {
    const value = Math.trunc((isFloat ? run.f32 : run.f64)[element] as number);
    const place = findNumber(run, section, value);
    const known = place < (run.memory.f64[run.section(section) >> 3] as number);
    return known ? (run.memory.i32[(run.section(columns) >> 2) + place] as number) : -1;
  };
}

export function pickKernel(step: PickStep, layout: Layout): Kernel {
  const inputUnit = layout.unit(step.input);
  const outputUnit = layout.unit(step.output);
  const { count } = step;
  const put = putValue(step.values, step.output, layout);
  return (run) => {
    const { f64, rows } = run;
    for (let row = 0; row < rows; row++) {
      const index = f64[inputUnit * rows + row] as number;
      if (!(index >= 0 && index < count))
        throw modelFailed(`ArrayFeatureExtractor takes element ${index} of ${count}`);
      put(run, outputUnit * rows + row, index);
    }
  };
}
