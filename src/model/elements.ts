/// <reference lib="esnext.float16" />
import type { JsonValue } from './json.ts';
import type { Datatype, Tensor } from './signature.ts';

/** A tensor's elements while they are read or written; its bytes are the array's own (little-endian machines). */
export type Elements =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float16Array
  | Float32Array
  | Float64Array
  | string[];

type NumberArray = Exclude<Elements, string[] | BigInt64Array | BigUint64Array>;

const ARRAYS = {
  BOOL: Uint8Array,
  UINT8: Uint8Array,
  UINT16: Uint16Array,
  UINT32: Uint32Array,
  UINT64: BigUint64Array,
  INT8: Int8Array,
  INT16: Int16Array,
  INT32: Int32Array,
  INT64: BigInt64Array,
  FP16: Float16Array,
  FP32: Float32Array,
  FP64: Float64Array,
} as const;

export function newElements(datatype: Datatype, count: number): Elements {
  return datatype === 'BYTES' ? Array.from<string>({ length: count }).fill('') : new ARRAYS[datatype](count);
}

/**
 * The elements as a tensor's data. BYTES: 4-byte little-endian length and UTF-8 bytes an element; `checkTotal` may
 * throw before these are copied together.
 */
export function elementBytes(elements: Elements, checkTotal?: (bytes: number) => void): Uint8Array {
  if (!Array.isArray(elements))
    return new Uint8Array(elements.buffer, elements.byteOffset, elements.byteLength);
  let total = 0;
  for (const text of elements) total += 4 + Buffer.byteLength(text);
  checkTotal?.(total);
  const bytes = Buffer.from(new ArrayBuffer(total));
  let at = 0;
  for (const text of elements) {
    const written = bytes.write(text, at + 4);
    bytes.writeUInt32LE(written, at);
    at += 4 + written;
  }
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** The elements of a tensor that isn't BYTES, without a copy where its data are aligned. */
export function layElements(tensor: Tensor): Exclude<Elements, string[]> {
  if (tensor.datatype === 'BYTES') throw new TypeError('BYTES have no typed array');
  const array = ARRAYS[tensor.datatype];
  const width = array.BYTES_PER_ELEMENT;
  const data = tensor.data.byteOffset % width === 0 ? tensor.data : tensor.data.slice();
  return new array(data.buffer as ArrayBuffer, data.byteOffset, Math.floor(data.byteLength / width));
}

/** Puts a JSON value as element `index`; false when the datatype can't take it. */
export type Put = (elements: Elements, index: number, value: JsonValue) => boolean;

export const PUT: Readonly<Record<Datatype, Put>> = {
  BOOL: (elements, index, value) => {
    if (typeof value !== 'boolean') return false;
    (elements as Uint8Array)[index] = value ? 1 : 0;
    return true;
  },
  UINT8: small(0, 0xff),
  UINT16: small(0, 0xffff),
  UINT32: small(0, 0xffff_ffff),
  INT8: small(-0x80, 0x7f),
  INT16: small(-0x8000, 0x7fff),
  INT32: small(-0x8000_0000, 0x7fff_ffff),
  INT64: large(-(2n ** 63n), 2n ** 63n - 1n),
  UINT64: large(0n, 2n ** 64n - 1n),
  FP16: putFloat,
  FP32: putFloat,
  FP64: putFloat,
  BYTES: (elements, index, value) => {
    if (typeof value !== 'string' || !value.isWellFormed()) return false;
    (elements as string[])[index] = value;
    return true;
  },
};

/** What a datatype takes, for messages. */
export const TAKES: Readonly<Record<Datatype, string>> = {
  BOOL: 'true or false',
  UINT8: 'an integer from 0 to 255',
  UINT16: 'an integer from 0 to 65535',
  UINT32: 'an integer from 0 to 4294967295',
  UINT64: 'an integer from 0 to 18446744073709551615',
  INT8: 'an integer from -128 to 127',
  INT16: 'an integer from -32768 to 32767',
  INT32: 'an integer from -2147483648 to 2147483647',
  INT64: 'an integer from -9223372036854775808 to 9223372036854775807',
  FP16: 'a number within 65504',
  FP32: 'a number within 3.4e38',
  FP64: 'a number',
  BYTES: 'a string of well-formed Unicode',
};

function small(least: number, most: number): Put {
  return (elements, index, value) => {
    if (typeof value !== 'number' || !Number.isInteger(value) || value < least || value > most) return false;
    (elements as NumberArray)[index] = value;
    return true;
  };
}

function large(least: bigint, most: bigint): Put {
  return (elements, index, value) => {
    let exact: bigint;
    // Beyond 2^53 integers arrive as bigint; a number there was written otherwise (1e18, 9007199254740993.0) and may be rounded.
    if (typeof value === 'number' && Number.isSafeInteger(value)) exact = BigInt(value);
    else if (typeof value === 'bigint') exact = value;
    else return false;
    if (exact < least || exact > most) return false;
    (elements as BigInt64Array)[index] = exact;
    return true;
  };
}

/** null and the three words too; a finite number that the datatype would turn into an infinity is refused. */
function putFloat(elements: Elements, index: number, value: JsonValue): boolean {
  const array = elements as NumberArray;
  if (typeof value === 'number') {
    array[index] = value;
    const put = array[index];
    return (put !== Infinity && put !== -Infinity) || !Number.isFinite(value);
  }
  if (value === null) array[index] = Number.NaN;
  else if (value === 'NaN' || value === 'Infinity' || value === '-Infinity') array[index] = Number(value);
  else if (typeof value === 'bigint') return putFloat(elements, index, Number(value));
  else return false;
  return true;
}
