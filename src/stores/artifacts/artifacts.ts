import type { Digest } from '../../core/ids.ts';

/**
 * Files by the sha256 of their content. Immutable, so there is nothing to lock and nothing to invalidate.
 * All methods throw STORE_UNAVAILABLE when the store can't be reached or is full.
 */
export interface ArtifactStore {
  /**
   * Takes a stream while hashing it; durable (survives kill -9 and power loss) when it returns.
   * Storing bytes that are there already is cheap and changes nothing. More than `maxBytes`: TOO_LARGE.
   * A given `digest` that the bytes don't have: INVALID_REQUEST; nothing is kept.
   */
  put(
    source: AsyncIterable<Uint8Array>,
    options: { maxBytes: number; digest?: Digest },
  ): Promise<StoredArtifact>;
  /** The same for bytes in hand. */
  putBytes(bytes: Uint8Array): Promise<StoredArtifact>;
  /** Undefined when it isn't there. */
  stat(digest: Digest): Promise<StoredArtifact | undefined>;
  /** The whole content, verified against its digest; undefined when it isn't there. Corrupt: STORE_UNAVAILABLE. */
  read(digest: Digest): Promise<Buffer | undefined>;
  /** For downloads: chunks in order, not verified. Undefined when it isn't there. */
  stream(digest: Digest): Promise<AsyncIterable<Uint8Array> | undefined>;
}

export interface StoredArtifact {
  readonly digest: Digest;
  readonly bytes: number;
}
