import { ShoalError } from '../../core/errors.ts';
import type { NamedTensor } from '../../model/signature.ts';
import { readSection } from '../../wire/tensor-section.ts';

/** Throws INVALID_REQUEST when it is malformed. */
export function readInputs(section: Uint8Array): NamedTensor[] {
  try {
    return readSection(section);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ShoalError('INVALID_REQUEST', `malformed tensor section: ${cause.message}`, { cause });
  }
}
