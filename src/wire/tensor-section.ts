import { DATATYPES, type NamedTensor } from '../model/signature.ts';

/**
 * Named tensors as bytes, the same in requests and answers. Everything starts on a multiple of 8 from the
 * section's start, so that a reader can lay typed arrays over the data without copying.
 *
 *   u32 count, u32 zero
 *   per tensor: u8 datatype, u8 rank, u16 name bytes, u32 data bytes, u32 dimension * rank, name, pad, data, pad
 */
const MAX_RANK = 255;
const MAX_NAME_BYTES = 0xffff;
const MAX_U32 = 0xffff_ffff;

/** Not by bit operators: those are of 32 bits, and a section can be longer. */
export function align8(offset: number): number {
  return Math.ceil(offset / 8) * 8;
}

/** The length of their section. Throws RangeError when one of them can't be written in it. */
export function sectionBytes(tensors: readonly NamedTensor[]): number {
  let bytes = 8;
  for (const tensor of tensors) {
    const nameBytes = Buffer.byteLength(tensor.name);
    checkFields(tensor, nameBytes);
    bytes = align8(bytes + 8 + 4 * tensor.shape.length + nameBytes);
    bytes = align8(bytes + tensor.data.byteLength);
  }
  return bytes;
}

function checkFields({ shape, data }: NamedTensor, nameBytes: number): void {
  if (shape.length > MAX_RANK)
    throw new RangeError(`a tensor has rank ${shape.length}, at most ${MAX_RANK} can be sent`);
  if (nameBytes > MAX_NAME_BYTES)
    throw new RangeError(`a tensor's name has ${nameBytes} bytes, at most ${MAX_NAME_BYTES} can be sent`);
  if (data.byteLength > MAX_U32)
    throw new RangeError(`a tensor has ${data.byteLength} bytes, at most ${MAX_U32} can be sent`);
  for (const dimension of shape) {
    if (!(dimension >= 0 && dimension <= MAX_U32))
      throw new RangeError(`a tensor has dimension ${dimension}, only 0 to ${MAX_U32} can be sent`);
  }
}

/**
 * Writes what `sectionBytes` has measured at `offset` (a multiple of 8) and returns the offset after. The target
 * must be zeroed or fresh.
 */
export function writeSection(target: Buffer, start: number, tensors: readonly NamedTensor[]): number {
  target.writeUInt32LE(tensors.length, start);
  let at = start + 8;
  for (const tensor of tensors) {
    const { name } = tensor;
    const nameBytes = Buffer.byteLength(name);
    target[at] = DATATYPES.indexOf(tensor.datatype);
    target[at + 1] = tensor.shape.length;
    target.writeUInt16LE(nameBytes, at + 2);
    target.writeUInt32LE(tensor.data.byteLength, at + 4);
    at += 8;
    for (const dimension of tensor.shape) {
      target.writeUInt32LE(dimension, at);
      at += 4;
    }
    target.write(name, at);
    at = align8(at + nameBytes);
    target.set(tensor.data, at);
    at = align8(at + tensor.data.byteLength);
  }
  return at;
}

/** The tensors of a section; their data are views into `bytes`. Throws RangeError on a malformed section. */
export function readSection(bytes: Uint8Array): NamedTensor[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const count = view.getUint32(0, true);
  const tensors: NamedTensor[] = [];
  let at = 8;
  for (let index = 0; index < count; index++) {
    const datatype = DATATYPES[view.getUint8(at)];
    if (datatype === undefined)
      throw new RangeError(`tensor ${index} has unknown datatype ${view.getUint8(at)}`);
    const rank = view.getUint8(at + 1);
    const nameLength = view.getUint16(at + 2, true);
    const dataLength = view.getUint32(at + 4, true);
    at += 8;
    const shape = Array.from<number>({ length: rank });
    for (let axis = 0; axis < rank; axis++, at += 4) shape[axis] = view.getUint32(at, true);
    const dataStart = align8(at + nameLength);
    if (dataStart + dataLength > bytes.byteLength) {
      throw new RangeError(
        `tensor ${index} ends at ${dataStart + dataLength}, beyond the section's ${bytes.byteLength} bytes`,
      );
    }
    const name = text.toString('utf8', at, at + nameLength);
    tensors.push({ name, datatype, shape, data: bytes.subarray(dataStart, dataStart + dataLength) });
    at = align8(dataStart + dataLength);
  }
  return tensors;
}
