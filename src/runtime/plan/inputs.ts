import { ShoalError } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import { type Elements, layElements } from '../../model/elements.ts';
import type { PlanPort } from '../../model/plan/structure.ts';
import { sizeOf } from '../../model/plan/values.ts';
import { ELEMENT_BYTES, type NamedTensor } from '../../model/signature.ts';
import { decodeStrings } from '../string-elements.ts';
import type { Layout } from './kernel.ts';
import type { PlanRun } from './run.ts';

/** The inputs' elements in the ports' order, and how many rows they all have. Throws INVALID_INPUT. */
export function checkInputs(
  ports: readonly PlanPort[],
  inputs: readonly NamedTensor[],
): { rows: number; elements: readonly Elements[] } {
  if (inputs.length !== ports.length)
    throw invalid(`the model takes ${ports.length} inputs, got ${inputs.length}`);
  // Mostly they come in order.
  const inOrder = ports.every((port, index) => inputs[index]?.name === port.name);
  const tensors = inOrder ? inputs : ports.map((port) => named(inputs, port.name));
  const rows = tensors[0]?.shape[0] ?? 0;
  const elements = ports.map((port, index) => checkInput(port, tensors[index] as NamedTensor, rows));
  return { rows, elements };
}

function named(inputs: readonly NamedTensor[], name: string): NamedTensor {
  const found = inputs.find((input) => input.name === name);
  if (found === undefined) throw invalid(`input ${quote(name)} is missing`);
  return found;
}

function checkInput(port: PlanPort, tensor: NamedTensor, rows: number): Elements {
  const { datatype, shape, data } = tensor;
  if (datatype !== port.datatype)
    throw invalid(`input ${quote(port.name)} has datatype ${datatype}, expected ${port.datatype}`);
  const { dims } = port;
  const fits =
    shape.length === dims.length + 1 &&
    shape[0] === rows &&
    dims.every((dim, axis) => shape[axis + 1] === dim);
  if (!fits)
    throw invalid(
      `input ${quote(port.name)} has shape [${shape.join()}], expected [${[rows, ...dims].join()}]`,
    );
  const count = rows * sizeOf(dims);
  if (datatype === 'BYTES') return decodeStrings(port.name, data, count);
  if (data.byteLength !== ELEMENT_BYTES[datatype] * count)
    throw invalid(
      `input ${quote(port.name)} has ${data.byteLength} bytes of data, expected ${ELEMENT_BYTES[datatype] * count}`,
    );
  if (datatype === 'BOOL') checkBooleans(port, data);
  return layElements(tensor);
}

function checkBooleans({ name }: PlanPort, data: Uint8Array): void {
  for (let index = 0; index < data.length; index++)
    if ((data[index] as number) > 1)
      throw invalid(`input ${quote(name)}: element ${index} is ${data[index]}, expected 0 or 1 for BOOL`);
}

/** Puts a block of an input's rows, from `first`, into its register. */
export type InputReader = (run: PlanRun, elements: Elements, first: number) => void;

export function inputReader({ register, datatype }: PlanPort, layout: Layout): InputReader {
  const width = layout.width(register);
  const unit = layout.unit(register);
  if (datatype === 'BYTES')
    return (run, elements, first) => {
      const { rows, text } = run;
      for (let index = 0; index < width * rows; index++)
        text[unit * rows + index] = elements[width * first + index] as string;
    };
  if (datatype === 'INT64') return (run, elements, first) => readLongs(run, elements, first, width, unit);
  const isFloat = layout.kind(register) === 'f32';
  return (run, elements, first) => {
    const { rows } = run;
    const source = elements as Float32Array;
    const target = isFloat ? run.f32 : run.f64;
    const to = unit * rows;
    const from = width * first;
    const count = width * rows;
    if (count >= COPIED) target.set(source.subarray(from, from + count), to);
    else for (let index = 0; index < count; index++) target[to + index] = source[from + index] as number;
  };
}

/** From here on a call for all is faster than a loop. */
const COPIED = 64;

/** By halves: as doubles without a BigInt each. Those beyond 2^53 are rounded once, as Number rounds them. */
function readLongs(run: PlanRun, elements: Elements, first: number, width: number, unit: number): void {
  const { buffer, byteOffset } = elements as BigInt64Array;
  const count = width * run.rows;
  const halves = new Int32Array(buffer, byteOffset + 8 * width * first, 2 * count);
  const to = unit * run.rows;
  for (let index = 0; index < count; index++)
    run.f64[to + index] = (halves[2 * index + 1] as number) * 2 ** 32 + ((halves[2 * index] as number) >>> 0);
}

function invalid(message: string): ShoalError {
  return new ShoalError('INVALID_INPUT', message);
}
