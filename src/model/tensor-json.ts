import { ShoalError } from '../core/errors.ts';
import type { AnswerLimit } from './answer-limit.ts';
import { type Elements, elementBytes, layElements, newElements, PUT, TAKES } from './elements.ts';
import { describeJson, jsonNumber, type JsonValue, pointer } from './json.ts';
import { type Datatype, elementCount, type Tensor } from './signature.ts';

/** INVALID_INPUT at one place of the request. */
export function invalidInput(path: string, message: string): ShoalError {
  return new ShoalError('INVALID_INPUT', `${path}: ${message}`, { details: [{ path, message }] });
}

export function wrongElement(path: string, datatype: Datatype, value: JsonValue | undefined): ShoalError {
  return invalidInput(path, `expected ${TAKES[datatype]} (${datatype}), got ${describeJson(value)}`);
}

/**
 * Tensor bytes of a JSON value that is flat or nested as the shape says. The count is known to be right before
 * anything is allocated: `values` is measured first.
 */
export function encodeTensor(
  datatype: Datatype,
  shape: readonly number[],
  values: JsonValue,
  path: string,
): Uint8Array {
  const count = elementCount(shape);
  const list = Array.isArray(values) ? values : [values];
  const isFlat = !list.some((value) => Array.isArray(value));
  const present = isFlat ? list.length : countNested(list, shape, path);
  if (count !== present) {
    throw invalidInput(
      path,
      `shape [${shape.join(', ')}] needs ${count ?? 'more than 2^53'} values, got ${present}`,
    );
  }
  const elements = newElements(datatype, count);
  if (isFlat) putFlat(elements, datatype, list, path);
  else putNested(elements, datatype, 0, shape.length, list, path);
  return elementBytes(elements);
}

function putFlat(elements: Elements, datatype: Datatype, list: readonly JsonValue[], path: string): void {
  const put = PUT[datatype];
  for (let index = 0; index < list.length; index++) {
    const value = list[index] as JsonValue;
    if (!put(elements, index, value)) throw wrongElement(path + pointer(index), datatype, value);
  }
}

/** Writes a list nested `rank` deep, whose shape was checked, from element `at`; answers the element after. */
export function putNested(
  elements: Elements,
  datatype: Datatype,
  at: number,
  rank: number,
  value: JsonValue,
  path: string,
): number {
  if (rank === 0) {
    if (!PUT[datatype](elements, at, value)) throw wrongElement(path, datatype, value);
    return at + 1;
  }
  const list = value as readonly JsonValue[];
  const put = PUT[datatype];
  let next = at;
  for (let index = 0; index < list.length; index++) {
    const element = list[index] as JsonValue;
    if (rank > 1) next = putNested(elements, datatype, next, rank - 1, element, path + pointer(index));
    else if (put(elements, next, element)) next++;
    else throw wrongElement(path + pointer(index), datatype, element);
  }
  return next;
}

function countNested(list: JsonValue[], shape: readonly number[], path: string): number {
  checkNested(list, shape, 0, path);
  return elementCount(shape) ?? 0;
}

/** That a value is nested as the dimensions from `axis` on say; every list is measured, no element is read. */
export function checkNested(value: JsonValue, shape: readonly number[], axis: number, path: string): void {
  if (axis === shape.length) return;
  const wanted = shape[axis] as number;
  if (!Array.isArray(value) || value.length !== wanted) {
    throw invalidInput(path, `expected a list of ${wanted}, got ${describeJson(value)}`);
  }
  if (axis + 1 === shape.length) return;
  for (let index = 0; index < value.length; index++) {
    checkNested(value[index] as JsonValue, shape, axis + 1, path + pointer(index));
  }
}

/** Gives the JSON text of element `index` of a tensor. */
export type ElementText = (index: number) => string;

/** How to write the elements of a tensor. Throws MODEL_FAILED for BYTES that aren't UTF-8. */
export function elementText(tensor: Tensor, name: string): ElementText {
  if (tensor.datatype === 'BYTES') {
    const texts = decodeBytes(tensor, name);
    return (index) => JSON.stringify(texts[index]);
  }
  const elements = layElements(tensor);
  if (tensor.datatype === 'BOOL') return (index) => (elements[index] === 0 ? 'false' : 'true');
  if (tensor.datatype === 'FP32') return (index) => floatText(elements[index] as number);
  if (tensor.datatype === 'FP64' || tensor.datatype === 'FP16') {
    return (index) => doubleText(elements[index] as number);
  }
  return (index) => String(elements[index]);
}

/** Nested lists of the elements from `start`, shaped by the dimensions from `axis` on. */
export function nestedText(
  text: ElementText,
  shape: readonly number[],
  axis: number,
  start: number,
  limit: AnswerLimit,
): string {
  if (axis === shape.length) return text(start);
  const size = shape[axis] as number;
  const step = elementCount(shape.slice(axis + 1)) ?? 0;
  let json = '[';
  for (let index = 0; index < size; index++) {
    if (index > 0) json += ',';
    json += nestedText(text, shape, axis + 1, start + index * step, limit);
    if (json.length > limit.maxBytes) throw limit.error();
  }
  return `${json}]`;
}

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The elements of a BYTES tensor as text. */
export function decodeBytes(tensor: Tensor, name: string): string[] {
  const { data } = tensor;
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const texts: string[] = [];
  for (let at = 0; at < data.byteLength; ) {
    const length = view.getUint32(at, true);
    at += 4;
    try {
      texts.push(utf8.decode(data.subarray(at, at + length)));
    } catch (cause) {
      throw new ShoalError(
        'MODEL_FAILED',
        `output ${name}, element ${texts.length}: its bytes are not UTF-8`,
        {
          cause,
        },
      );
    }
    at += length;
  }
  return texts;
}

/** Beyond 2^53 digits alone would read as an exact integer, which a float isn't. */
function doubleText(value: number): string {
  const isLarge = Math.abs(value) >= 2 ** 53 && Number.isFinite(value);
  return isLarge ? value.toExponential() : jsonNumber(value);
}

/** A float32 in few digits that read back to the same float32: the first decimal rounding that does. */
export function floatText(value: number): string {
  const size = Math.abs(value);
  if (size < 2 ** 53 && Number.isInteger(value)) return `${value}`;
  if (size >= 1e-5 && size < 1e7) {
    for (let scale = 1e3; scale <= 1e14; scale *= 10) {
      const rounded = Math.round(value * scale) / scale;
      if (Math.fround(rounded) === value) return `${rounded}`;
    }
  }
  if (!Number.isFinite(value)) return jsonNumber(value);
  for (const digits of [7, 8]) {
    const rounded = Number(value.toPrecision(digits));
    if (Math.fround(rounded) === value) return doubleText(rounded);
  }
  return doubleText(Number(value.toPrecision(9)));
}
