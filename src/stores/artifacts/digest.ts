import { createHash } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Digest } from '../../core/ids.ts';

/** 0.3 ms of hashing. */
const SLICE_BYTES = 512 * 1024;

/**
 * The digest of bytes in hand. Large ones are hashed in slices, so that other work of the thread comes in between:
 * 8 MiB at once would hold it for 5 ms, and node:crypto's hashing aside for 3 ms, as it copies them first.
 */
export async function digestOf(bytes: Uint8Array): Promise<Digest> {
  const hash = createHash('sha256');
  for (let at = 0; at < bytes.byteLength; at += SLICE_BYTES) {
    if (at > 0) await setImmediate();
    hash.update(bytes.subarray(at, at + SLICE_BYTES));
  }
  return `sha256:${hash.digest('hex')}`;
}
