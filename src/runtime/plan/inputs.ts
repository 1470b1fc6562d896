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
  return layElements(tensor);
}

/** Puts a block of its rows, from `first`, into its register. */
export function readInput(
  run: PlanRun,
  layout: Layout,
  { register }: PlanPort,
  elements: Elements,
  first: number,
): void {
  const width = layout.width(register);
  const to = layout.unit(register) * run.rows;
  const count = width * run.rows;
  const from = width * first;
  if (Array.isArray(elements)) {
    for (let index = 0; index < count; index++) run.text[to + index] = elements[from + index] as string;
    return;
  }
  const target = layout.kind(register) === 'f32' ? run.f32 : run.f64;
  if (elements instanceof BigInt64Array || elements instanceof BigUint64Array)
    for (let index = 0; index < count; index++) target[to + index] = Number(elements[from + index]);
  else for (let index = 0; index < count; index++) target[to + index] = elements[from + index] as number;
}

function invalid(message: string): ShoalError {
  return new ShoalError('INVALID_INPUT', message);
}
