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
  /** The first half of `put`: taken and hashed, but under no name yet, so that what is refused never was in the store. */
  receive(
    source: AsyncIterable<Uint8Array>,
    options: { maxBytes: number; digest?: Digest },
  ): Promise<ReceivedArtifact>;
  /** The same for bytes in hand. */
  putBytes(bytes: Uint8Array): Promise<StoredArtifact>;
  /** Undefined when it isn't there. */
  stat(digest: Digest): Promise<StoredArtifact | undefined>;
  /** The whole content, verified against its digest; undefined when it isn't there. Corrupt: STORE_UNAVAILABLE. */
  read(digest: Digest): Promise<Buffer | undefined>;
  /** For downloads: chunks in order, not verified. Undefined when it isn't there. */
  stream(digest: Digest): Promise<AsyncIterable<Uint8Array> | undefined>;
  /** Whether it is there with its right content, which is read for it. Counts as a use. */
  holds(digest: Digest): Promise<boolean>;
  /** All that is there, in any order. */
  list(): AsyncIterable<ListedArtifact>;
  /**
   * Removes it if it was last put or held at least `unusedMs` ago; false when it wasn't removed. A put that
   * runs at the same time ends with the artifact there.
   */
  delete(digest: Digest, unusedMs: number): Promise<boolean>;
}

/** Not in the store until `store`. Must be discarded in the end, which does nothing to what was stored. */
export interface ReceivedArtifact extends StoredArtifact {
  read(): Promise<Buffer>;
  store(): Promise<void>;
  discard(): Promise<void>;
}

export interface ListedArtifact extends StoredArtifact {
  /** When it was last put or held, within ten minutes; milliseconds since 1970. */
  readonly usedMs: number;
}

export interface StoredArtifact {
  readonly digest: Digest;
  readonly bytes: number;
}
