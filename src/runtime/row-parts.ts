import { ShoalError } from '../core/errors.ts';
import { ELEMENT_BYTES, type NamedTensor } from '../model/signature.ts';
import { elementOffsets } from './string-elements.ts';

/** A model may declare any batch; padding one row up to it must not take the lane's memory. */
const MAX_PADDED_BYTES = 256 * 1024 * 1024;

/**
 * For models whose first dimension is fixed: cuts inputs into parts of exactly `partRows` rows (the last padded by
 * repeating its last row) and joins the outputs of the parts again. Works on raw bytes, strings included.
 */
export function rowsOf(inputs: readonly NamedTensor[]): number {
  const rows = inputs[0]?.shape[0];
  if (rows === undefined || rows === 0)
    throw new ShoalError('INVALID_INPUT', 'a model with a fixed batch takes at least one row');
  for (const input of inputs) {
    if (input.shape[0] !== rows)
      throw new ShoalError(
        'INVALID_INPUT',
        `${input.name} has ${input.shape[0] ?? 'no'} rows, expected ${rows}`,
      );
  }
  return rows;
}

/** Parts in order; each part holds all inputs. */
export function cutRows(inputs: readonly NamedTensor[], rows: number, partRows: number): NamedTensor[][] {
  const parts: NamedTensor[][] = Array.from({ length: Math.ceil(rows / partRows) }, () => []);
  for (const input of inputs) {
    const offsetOf = rowOffsets(input);
    for (const [index, part] of parts.entries()) {
      const first = index * partRows;
      const last = Math.min(first + partRows, rows);
      const whole = input.data.subarray(offsetOf(first), offsetOf(last));
      const padRow = input.data.subarray(offsetOf(last - 1), offsetOf(last));
      part.push({
        ...input,
        shape: [partRows, ...input.shape.slice(1)],
        data: pad(input.name, whole, padRow, first + partRows - last),
      });
    }
  }
  return parts;
}

/** Outputs of all parts, joined along the first dimension and cut to `rows`; one without rows is the first part's. */
export function joinRows(parts: readonly NamedTensor[][], rows: number, partRows: number): NamedTensor[] {
  const [firstPart, ...others] = parts;
  if (firstPart === undefined) return [];
  return firstPart.map((head, position) => {
    if (head.shape[0] !== partRows) return head;
    const tensors = [head, ...others.map((part) => part[position] as NamedTensor)];
    const shape = [rows, ...head.shape.slice(1)];
    const pieces = tensors.map((tensor, index) => {
      if (tensor.shape.join() !== head.shape.join())
        throw new ShoalError(
          'MODEL_FAILED',
          `output ${head.name} changes its shape between rows: [${head.shape.join()}] and [${tensor.shape.join()}]`,
        );
      const kept = Math.min(partRows, rows - index * partRows);
      return tensor.data.subarray(0, rowOffsets(tensor)(kept));
    });
    return { ...head, shape, data: Buffer.concat(pieces) };
  });
}

/** From a row's number to the byte at which it starts. */
function rowOffsets(tensor: NamedTensor): (row: number) => number {
  const rowElements = tensor.shape.slice(1).reduce((product, dimension) => product * dimension, 1);
  if (tensor.datatype !== 'BYTES') {
    const rowBytes = rowElements * ELEMENT_BYTES[tensor.datatype];
    return (row) => row * rowBytes;
  }
  const offsets = elementOffsets(tensor.name, tensor.data, rowElements * (tensor.shape[0] as number));
  return (row) => offsets[row * rowElements] as number;
}

function pad(name: string, whole: Uint8Array, padRow: Uint8Array, rows: number): Uint8Array {
  if (rows === 0 || padRow.byteLength === 0) return whole;
  const bytes = whole.byteLength + rows * padRow.byteLength;
  if (bytes > MAX_PADDED_BYTES) {
    throw new ShoalError(
      'TOO_LARGE',
      `${name} with ${rows} rows of padding takes ${bytes} bytes, at most ${MAX_PADDED_BYTES} are allowed`,
    );
  }
  const padded = Buffer.alloc(bytes);
  padded.set(whole);
  return padded.fill(padRow, whole.byteLength);
}
