import { ShoalError } from '../../core/errors.ts';

/** The file breaks the format, or would break what runs it. */
export function invalid(message: string): ShoalError {
  return new ShoalError('INVALID_ARTIFACT', message);
}

/** The file is fine, but needs something that isn't served here. */
export function unsupported(message: string): ShoalError {
  return new ShoalError('UNSUPPORTED_ARTIFACT', message);
}
