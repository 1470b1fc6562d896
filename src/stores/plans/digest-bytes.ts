import { hash } from 'node:crypto';
import { checkDigest, type Digest } from '../../core/ids.ts';

const PREFIX = 'sha256:';

export function digestBytes(digest: Digest): Buffer {
  return Buffer.from(checkDigest(digest).slice(PREFIX.length), 'hex');
}

export function digestText(bytes: Uint8Array): Digest {
  return `sha256:${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')}`;
}

export function hasDigest(bytes: Uint8Array, digest: Uint8Array): boolean {
  return hash('sha256', bytes, 'buffer').equals(digest);
}
