/**
 * Where an encoded model keeps its numbers. Encoding a tree ensemble takes a second, copying its bytes and writing
 * new numbers into them a fraction of a millisecond; so each structure is encoded once and filled many times.
 */
export interface Slots {
  /** Offset of the first number. */
  readonly at: number;
  /** Bytes from one number to the next. */
  readonly stride: number;
  readonly count: number;
}

// Protobuf tags of onnx.proto, in the order in which a message's fields are written.
const ATTRIBUTE_NAME = 0x0a;
const ATTRIBUTE_FLOAT = 0x3d;
const ATTRIBUTE_INT = 0x40;
const TENSOR_NAME = 0x42;
const TENSOR_RAW = 0x4a;

/** A `floats` attribute: ONNX lists aren't packed, a tag stands before each float. */
export function floatSlots(bytes: Buffer, name: string, count: number): Slots {
  return tagged(bytes, name, count, ATTRIBUTE_FLOAT, 5);
}

/** An `ints` attribute whose values are below 128: a tag and a byte each. */
export function smallIntSlots(bytes: Buffer, name: string, count: number): Slots {
  return tagged(bytes, name, count, ATTRIBUTE_INT, 2);
}

function tagged(bytes: Buffer, name: string, count: number, tag: number, stride: number): Slots {
  const first = afterName(bytes, ATTRIBUTE_NAME, name);
  const last = first + (count - 1) * stride;
  const isWhole = bytes[first] === tag && bytes[last] === tag && bytes[last + stride] !== tag;
  if (!isWhole) throw new Error(`attribute ${name} doesn't hold ${count} numbers`);
  return { at: first + 1, stride, count };
}

/** An initializer's raw_data. */
export function rawSlots(bytes: Buffer, name: string, count: number): Slots {
  let at = afterName(bytes, TENSOR_NAME, name);
  if (bytes[at++] !== TENSOR_RAW) throw new Error(`initializer ${name} has no raw data`);
  let length = 0;
  for (let shift = 0; ; shift += 7) {
    const byte = bytes[at++] as number;
    length += (byte & 0x7f) * 2 ** shift;
    if (byte < 0x80) break;
  }
  if (length !== count * 4) throw new Error(`initializer ${name} has ${length} bytes, not ${count} floats`);
  return { at, stride: 4, count };
}

function afterName(bytes: Buffer, tag: number, name: string): number {
  const field = Buffer.concat([Buffer.from([tag, name.length]), Buffer.from(name)]);
  const at = bytes.indexOf(field);
  if (at < 0) throw new Error(`the model has no ${name}`);
  return at + field.length;
}
