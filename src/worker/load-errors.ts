import { ShoalError } from '../core/errors.ts';
import type { Digest } from '../core/ids.ts';

export function asShoalError(error: unknown): ShoalError {
  return error instanceof ShoalError
    ? error
    : new ShoalError('INTERNAL', `loading failed: ${String(error)}`, { cause: error });
}

export function notStored(digest: Digest): ShoalError {
  return new ShoalError(
    'STORE_UNAVAILABLE',
    `${digest} is not in the artifact store, nor in the plan store; pushing its version again repairs it`,
  );
}

export function noStructure(plan: Digest): ShoalError {
  return new ShoalError(
    'STORE_UNAVAILABLE',
    `the structure that plan ${plan} has is not in the plan store; pushing its version again repairs it`,
  );
}
