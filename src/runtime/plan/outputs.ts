import { elementBytes, type Elements, newElements } from '../../model/elements.ts';
import type { PlanPort } from '../../model/plan/structure.ts';
import type { NamedTensor } from '../../model/signature.ts';
import type { Layout } from './kernel.ts';
import type { PlanRun } from './run.ts';

/** Of INT64 the halves. */
export function newOutput({ datatype }: PlanPort, count: number): Elements {
  return datatype === 'INT64' ? new Int32Array(2 * count) : newElements(datatype, count);
}

/** Takes a block of an output's rows, from `first`, out of its register. */
export type OutputWriter = (run: PlanRun, output: Elements, first: number) => void;

export function outputWriter({ register, datatype }: PlanPort, layout: Layout): OutputWriter {
  const width = layout.width(register);
  const unit = layout.unit(register);
  if (datatype === 'BYTES')
    return (run, output, first) => {
      const texts = output as string[];
      const { rows, text } = run;
      for (let index = 0; index < width * rows; index++)
        texts[width * first + index] = text[unit * rows + index] as string;
    };
  if (datatype === 'INT64') return (run, output, first) => writeLongs(run, output, first, width, unit);
  const isFloat = layout.kind(register) === 'f32';
  return (run, output, first) => {
    const { rows } = run;
    const numbers = output as Float32Array;
    const source = isFloat ? run.f32 : run.f64;
    const from = unit * rows;
    const to = width * first;
    for (let index = 0; index < width * rows; index++) numbers[to + index] = source[from + index] as number;
  };
}

/** By halves, without a BigInt each. */
function writeLongs(run: PlanRun, output: Elements, first: number, width: number, unit: number): void {
  const halves = output as Int32Array;
  const count = width * run.rows;
  const to = 2 * width * first;
  const from = unit * run.rows;
  for (let index = 0; index < count; index++) {
    const value = run.f64[from + index] as number;
    // A store keeps the lower 32 bits; doubles that are integers have exact halves.
    halves[to + 2 * index] = value;
    halves[to + 2 * index + 1] = Math.floor(value / 2 ** 32);
  }
}

export function tensorOf({ name, datatype, dims }: PlanPort, rows: number, output: Elements): NamedTensor {
  return { name, datatype, shape: [rows, ...dims], data: elementBytes(output) };
}
