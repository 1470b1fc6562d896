import { ShoalError } from '../core/errors.ts';
import { elementCount, type NamedTensor } from './signature.ts';

/** What the text of an answer may come to, and the error of the output that takes it beyond. */
export interface AnswerLimit {
  readonly maxBytes: number;
  readonly error: () => ShoalError;
}

/**
 * The limit for an output that is written `times` times. Throws TOO_LARGE at once, before any text is made, when
 * the least that its elements take is beyond it: a digit and a comma each, BYTES their own with quotes and a comma.
 */
export function answerLimit(tensor: NamedTensor, maxBytes: number, times = 1): AnswerLimit {
  const count = elementCount(tensor.shape) ?? Infinity;
  const leastBytes = tensor.datatype === 'BYTES' ? tensor.data.byteLength - count : 2 * count;
  const error = (): ShoalError => {
    const repeated = times === 1 ? '' : `, with each of ${times} rows`;
    return new ShoalError(
      'TOO_LARGE',
      `output ${JSON.stringify(tensor.name)} (${count} elements${repeated}) makes the answer longer than ${maxBytes} bytes (limit answerBytes)`,
    );
  };
  if (leastBytes * times > maxBytes) throw error();
  return { maxBytes, error };
}
