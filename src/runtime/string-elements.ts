import { ShoalError } from '../core/errors.ts';

/** BYTES on the wire: for each element a 4-byte little-endian length, then its bytes. */
const LENGTH_BYTES = 4;
const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Byte offsets at which elements begin, and the end: `count + 1` numbers. Throws INVALID_INPUT when it doesn't fit. */
export function elementOffsets(tensor: string, data: Uint8Array, count: number): number[] {
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  const offsets = [0];
  let at = 0;
  while (at < data.byteLength) {
    const start = at + LENGTH_BYTES;
    const end = start <= data.byteLength ? start + view.getUint32(at, true) : Number.POSITIVE_INFINITY;
    if (end > data.byteLength)
      throw new ShoalError('INVALID_INPUT', `${tensor}: element ${offsets.length - 1} ends beyond the data`);
    offsets.push(end);
    at = end;
  }
  if (offsets.length - 1 !== count)
    throw new ShoalError(
      'INVALID_INPUT',
      `${tensor}: the shape asks for ${count} elements, the data has ${offsets.length - 1}`,
    );
  return offsets;
}

/**
 * The native binding takes text only, ends it at a NUL, and would replace bytes that aren't UTF-8.
 * Such elements are refused, never altered.
 */
export function decodeStrings(tensor: string, data: Uint8Array, count: number): string[] {
  const offsets = elementOffsets(tensor, data, count);
  const strings: string[] = [];
  for (let index = 0; index < count; index++) {
    const bytes = data.subarray((offsets[index] as number) + LENGTH_BYTES, offsets[index + 1]);
    if (bytes.includes(0))
      throw new ShoalError(
        'INVALID_INPUT',
        `${tensor}: element ${index} holds a NUL byte, which no model can take`,
      );
    try {
      strings.push(strictUtf8.decode(bytes));
    } catch (cause) {
      throw new ShoalError('INVALID_INPUT', `${tensor}: element ${index} is not UTF-8`, { cause });
    }
  }
  return strings;
}
