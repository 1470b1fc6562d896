import type { Digest } from '../../core/ids.ts';

/** A plan (model/plan) with the structure that it shares with others. */
export interface StoredPlan {
  readonly digest: Digest;
  readonly bytes: Uint8Array;
  readonly structureDigest: Digest;
  /** Stored once, however many plans have it. */
  readonly structure: Uint8Array;
}

/** Where workers find plans. Synchronous, as a read takes microseconds. Throws STORE_UNAVAILABLE. */
export interface PlanReader {
  /** Verified against the digest; undefined when it isn't there. Corrupt: STORE_UNAVAILABLE. */
  read(digest: Digest): Uint8Array | undefined;
  /** The same for a structure. */
  readStructure(digest: Digest): Uint8Array | undefined;
  close(): void;
}

/** Where workers find plans that aren't on their machine. Both verify; both throw STORE_UNAVAILABLE, corrupt content included. */
export interface PlanFetcher {
  /** Undefined when it isn't there. */
  fetch(digest: Digest): Promise<Uint8Array | undefined>;
  /** The same for a structure. */
  fetchStructure(digest: Digest): Promise<Uint8Array | undefined>;
}

/** Plans by digest, many in one file. All methods throw STORE_UNAVAILABLE when the store is full or can't be reached. */
export interface PlanStore {
  /**
   * Durable (survives kill -9 and power loss) when it returns; puts that come together share a commit. What is there
   * with other content is mended.
   */
  put(plan: StoredPlan): Promise<void>;
  /** Whether plan and structure are there with their right content. Counts as a use. */
  holds(digest: Digest): Promise<boolean>;
  /** All that is there, in any order. */
  list(): AsyncIterable<ListedPlan>;
  /** Removes it if it was last put or held at least `unusedMs` ago; false when it wasn't removed. */
  delete(digest: Digest, unusedMs: number): Promise<boolean>;
  close(): Promise<void>;
}

export interface ListedPlan {
  readonly digest: Digest;
  readonly bytes: number;
  /** When it was last put or held, within ten minutes; milliseconds since 1970. */
  readonly usedMs: number;
}
