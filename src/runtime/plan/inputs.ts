import { ShoalError } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import { type Elements, layElements } from '../../model/elements.ts';
import type { PlanPort } from '../../model/plan/structure.ts';
import { ELEMENT_BYTES, type NamedTensor } from '../../model/signature.ts';
import { decodeStrings } from '../string-elements.ts';
import type { Layout } from './kernel.ts';
import type { PlanRun } from './run.ts';

/** Puts the inputs' elements into `elements` in the ports' order; answers how many rows they all have. Throws INVALID_INPUT. */
export function checkInputs(
  ports: readonly PlanPort[],
  inputs: readonly NamedTensor[],
  elements: Elements[],
): number {
  if (inputs.length !== ports.length)
    throw invalid(`the model takes ${ports.length} inputs, got ${inputs.length}`);
  let rows = 0;
  for (let index = 0; index < ports.length; index++) {
    const port = ports[index] as PlanPort;
    const own = inputs[index] as NamedTensor;
    // Mostly they come in order.
    const tensor = own.name === port.name ? own : named(inputs, port.name);
    if (index === 0) rows = tensor.shape[0] ?? 0;
    elements[index] = checkInput(port, tensor, rows);
  }
  return rows;
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
  let fits = shape.length === dims.length + 1 && shape[0] === rows;
  let count = rows;
  for (let axis = 0; axis < dims.length; axis++) {
    fits &&= shape[axis + 1] === dims[axis];
    count *= dims[axis] as number;
  }
  if (!fits)
    throw invalid(
      `input ${quote(port.name)} has shape [${shape.join()}], expected [${[rows, ...dims].join()}]`,
    );
  if (datatype === 'BYTES') return decodeStrings(port.name, data, count);
  if (data.byteLength !== ELEMENT_BYTES[datatype] * count)
    throw invalid(
      `input ${quote(port.name)} has ${data.byteLength} bytes of data, expected ${ELEMENT_BYTES[datatype] * count}`,
    );
  if (datatype === 'BOOL') checkBooleans(port, data);
  // By halves: as doubles without a BigInt each.
  return layElements(datatype === 'INT64' ? { ...tensor, datatype: 'INT32' } : tensor);
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

function readLongs(run: PlanRun, elements: Elements, first: number, width: number, unit: number): void {
  const halves = elements as Int32Array;
  const count = width * run.rows;
  const from = 2 * width * first;
  const to = unit * run.rows;
  for (let index = 0; index < count; index++) {
    const low = (halves[from + 2 * index] as number) >>> 0;
    const high = halves[from + 2 * index + 1] as number;
    run.f64[to + index] =
      high >= -EXACT_HIGH && high < EXACT_HIGH
        ? high * 2 ** 32 + low
        : roundToOdd((BigInt(high) << 32n) | BigInt(low));
  }
}

/** Of the upper half: what is within is exact as a double. */
const EXACT_HIGH = 2 ** 21;

/** An integer beyond 2^53 so that rounding the result to a float gives what rounding the integer itself gives. */
function roundToOdd(long: bigint): number {
  const size = long < 0n ? -long : long;
  const cut = BigInt(size.toString(2).length - 53);
  const top = size >> cut;
  const odd = Number((top << cut === size ? top : top | 1n) << cut);
  return long < 0n ? -odd : odd;
}

function invalid(message: string): ShoalError {
  return new ShoalError('INVALID_INPUT', message);
}
