import { elementBytes, type Elements, newElements } from '../../model/elements.ts';
import type { PlanPort } from '../../model/plan/structure.ts';
import type { NamedTensor } from '../../model/signature.ts';
import { sizeOf } from '../../model/plan/values.ts';
import type { Layout } from './kernel.ts';
import type { PlanRun } from './run.ts';

export function newOutput({ datatype, dims }: PlanPort, rows: number): Elements {
  return newElements(datatype, rows * sizeOf(dims));
}

/** Takes a block of rows, from `first`, out of its register. */
export function writeOutput(
  run: PlanRun,
  layout: Layout,
  { register, datatype }: PlanPort,
  output: Elements,
  first: number,
): void {
  const width = layout.width(register);
  const from = layout.unit(register) * run.rows;
  const count = width * run.rows;
  const to = width * first;
  if (Array.isArray(output)) {
    for (let index = 0; index < count; index++) output[to + index] = run.text[from + index] as string;
    return;
  }
  const source = layout.kind(register) === 'f32' ? run.f32 : run.f64;
  if (datatype === 'INT64') {
    const integers = output as BigInt64Array;
    for (let index = 0; index < count; index++) integers[to + index] = BigInt(source[from + index] as number);
  } else {
    const numbers = output as Float32Array;
    for (let index = 0; index < count; index++) numbers[to + index] = source[from + index] as number;
  }
}

export function tensorOf({ name, datatype, dims }: PlanPort, rows: number, output: Elements): NamedTensor {
  return { name, datatype, shape: [rows, ...dims], data: elementBytes(output) };
}
