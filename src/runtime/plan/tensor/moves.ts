import { ShoalError } from '../../../core/errors.ts';
import { gatherMap, viewMap } from '../../../model/plan/shapes.ts';
import type {
  ConcatStep,
  GatherStep,
  EmbeddingStep,
  GatherElementsStep,
  ViewStep,
} from '../../../model/plan/tensor-steps.ts';
import type { Kernel, Layout } from '../kernel.ts';
import type { PlanRun } from '../run.ts';
import { arrayOf, isFloat, type Numbers } from './numbers.ts';

export function viewKernel(step: ViewStep, layout: Layout): Kernel {
  return moveKernel(viewMap(step.sizes, step.strides, step.offset), step, layout);
}

export function gatherKernel(step: GatherStep, layout: Layout): Kernel {
  return moveKernel(gatherMap(step.axis, step.indices), step, layout);
}

/** An array of elements of any kind, to be copied from and to. */
function elementsOf(run: PlanRun, layout: Layout, register: number): Numbers {
  const kind = layout.kind(register);
  if (kind === 'text') return run.text as unknown as Numbers;
  return arrayOf(run, kind === 'f32');
}

function moveKernel(map: Int32Array, { input, output }: ViewStep | GatherStep, layout: Layout): Kernel {
  const width = layout.width(input);
  const fromUnit = layout.unit(input);
  const toUnit = layout.unit(output);
  return (run) => {
    const elements = elementsOf(run, layout, input);
    let from = fromUnit * run.rows;
    let to = toUnit * run.rows;
    for (let row = 0; row < run.rows; row++, from += width)
      for (let index = 0; index < map.length; index++)
        elements[to++] = elements[from + (map[index] as number)] as number;
  };
}

export function concatKernel(step: ConcatStep, layout: Layout): Kernel {
  const units = step.inputs.map((register) => layout.unit(register));
  const { parts, outer, output } = step;
  const width = layout.width(output) / Math.max(1, outer);
  const toUnit = layout.unit(output);
  return (run) => {
    const elements = elementsOf(run, layout, output);
    let start = toUnit * run.rows;
    for (let input = 0; input < units.length; input++) {
      const part = parts[input] as number;
      let from = (units[input] as number) * run.rows;
      for (let line = 0, to = start; line < run.rows * outer; line++, to += width)
        for (let index = 0; index < part; index++) elements[to + index] = elements[from++] as number;
      start += part;
    }
  };
}

export function gatherElementsKernel(step: GatherElementsStep, layout: Layout): Kernel {
  const { outer, size, count } = step;
  const fromUnit = layout.unit(step.input);
  const indicesUnit = layout.unit(step.indices);
  const toUnit = layout.unit(step.output);
  return (run) => {
    const elements = elementsOf(run, layout, step.input);
    let at = indicesUnit * run.rows;
    let to = toUnit * run.rows;
    for (let line = 0; line < run.rows * outer; line++) {
      const from = fromUnit * run.rows + line * size;
      for (let index = 0; index < count; index++)
        elements[to++] = elements[from + placeOf(run.f64[at++] as number, size)] as number;
    }
  };
}

export function embeddingKernel(step: EmbeddingStep, layout: Layout): Kernel {
  const { size, inner } = step;
  const count = layout.width(step.indices);
  const indicesUnit = layout.unit(step.indices);
  const toUnit = layout.unit(step.output);
  const float = isFloat(layout, step.output);
  return (run) => {
    const numbers = arrayOf(run, float);
    const table = float ? run.memory.f32 : run.memory.f64;
    const start = run.section(step.table) >> (float ? 2 : 3);
    const at = indicesUnit * run.rows;
    let to = toUnit * run.rows;
    for (let index = 0; index < count * run.rows; index++) {
      const from = start + placeOf(run.f64[at + index] as number, size) * inner;
      for (let j = 0; j < inner; j++) numbers[to++] = table[from + j] as number;
    }
  };
}

/** Indices count from the end when negative. NaN never comes: they are integers. */
function placeOf(index: number, size: number): number {
  const place = index < 0 ? index + size : index;
  if (place >= 0 && place < size) return place;
  throw new ShoalError(
    'MODEL_FAILED',
    `the model failed on these inputs: index ${index} is not within [${-size},${size - 1}], the rows of its table`,
  );
}
