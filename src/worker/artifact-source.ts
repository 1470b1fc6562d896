import type { Digest } from '../core/ids.ts';

/** Where prepared artifacts come from: the disk cache, or a store on the same disk. */
export interface ArtifactSource {
  /** Verified against the digest; undefined when it isn't there. */
  read(digest: Digest): Promise<Buffer | undefined>;
}

/** What can be transferred to a lane. Small files share a pool's buffer, which must not be transferred; large ones are alone in theirs. */
export function ownBuffer(bytes: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer, byteLength } = bytes;
  if (buffer instanceof ArrayBuffer && buffer.byteLength === byteLength) return new Uint8Array(buffer);
  return Uint8Array.from(bytes);
}
