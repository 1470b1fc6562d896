import { ShoalError } from '../../core/errors.ts';
import type { ErrorCode } from '../../core/errors.ts';

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

/** SQLite's primary result codes that say something about the store and not about our SQL. */
const REASONS: Readonly<Record<number, string>> = {
  5: 'another process holds it',
  6: 'another process holds it',
  7: 'out of memory',
  8: 'the file is read-only',
  10: 'the device or file system refuses (input/output error)',
  11: 'the file is damaged',
  13: 'no space left on the device',
  14: 'the file can not be opened',
  23: 'permission denied',
  26: 'the file is not a database',
};

/** What was thrown, as data. INTERNAL: a bug, and not a state of the store. */
export function failureOf(store: string, error: unknown): Failure {
  if (error instanceof ShoalError) return { code: error.code, message: error.message };
  const text = error instanceof Error ? error.message : String(error);
  const code = error instanceof Error && 'errcode' in error ? Number(error.errcode) : undefined;
  const reason = code === undefined ? undefined : REASONS[code & 0xff];
  if (reason !== undefined) return { code: 'STORE_UNAVAILABLE', message: `${store}: ${reason} (${text})` };
  if (error instanceof Error && 'syscall' in error && 'code' in error)
    return { code: 'STORE_UNAVAILABLE', message: `${store}: file system failure (${String(error.code)})` };
  return { code: 'INTERNAL', message: error instanceof Error ? (error.stack ?? text) : text };
}

/** INTERNAL must not pass for an answer to the caller. */
export function errorOf(store: string, { code, message }: Failure): Error {
  return code === 'INTERNAL' ? new Error(`${store}: ${message}`) : new ShoalError(code, message);
}
