import { ShoalError } from '../core/errors.ts';

/** What an operating system's error number means to someone who has to do something about it. */
const REASONS: Readonly<Record<string, string>> = {
  ENOSPC: 'no space left on the device',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file size limit is reached',
  EIO: 'the device reports an input/output error',
  EROFS: 'the file system is read-only',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EMFILE: 'too many open files in this process',
  ENFILE: 'too many open files on this machine',
};

export function errnoCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** What is in a store under a digest has another one. */
export class CorruptContentError extends ShoalError {
  constructor(what: string) {
    super('STORE_UNAVAILABLE', `${what}; pushing its version again repairs it`);
  }
}

/**
 * A file system's failure as a caller may see it: what was being done and why it failed, without paths of this
 * machine. ShoalErrors pass through.
 */
export function storeUnavailable(store: string, doing: string, error: unknown): ShoalError {
  if (error instanceof ShoalError) return error;
  const code = errnoCode(error);
  const reason = code === undefined ? 'unexpected failure' : (REASONS[code] ?? 'file system failure');
  const suffix = code === undefined ? '' : ` (${code})`;
  return new ShoalError('STORE_UNAVAILABLE', `${store}: ${doing} failed: ${reason}${suffix}`, {
    cause: error,
  });
}
