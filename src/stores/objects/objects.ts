/**
 * Objects by key, below one prefix of one bucket; keys are given and shown without it. All methods throw
 * STORE_UNAVAILABLE when the store can't be reached, refuses or doesn't answer in time.
 */
export interface ObjectStore {
  /** Durable and whole when it returns; until then readers see what was there before. */
  put(key: string, bytes: Uint8Array): Promise<void>;
  /** The same for what doesn't fit into memory, in parts; a source that throws leaves nothing. */
  putStream(key: string, chunks: AsyncIterable<Uint8Array>, bytes: number): Promise<void>;
  /** The whole content; undefined when it isn't there. */
  get(key: string): Promise<Buffer | undefined>;
  /** Chunks in order, all of one content: STORE_UNAVAILABLE when it is replaced meanwhile. */
  getStream(key: string): Promise<ObjectStream | undefined>;
  head(key: string): Promise<ObjectHead | undefined>;
  /** In pages, in the order of the keys' bytes. */
  list(prefix: string, startAfter?: string): AsyncIterable<readonly ListedObject[]>;
  /** Makes its age begin anew; false when it isn't there. */
  touch(key: string): Promise<boolean>;
  /** Nothing happens when it isn't there. */
  delete(key: string): Promise<void>;
  deleteMany(keys: readonly string[]): Promise<void>;
}

export interface ListedObject {
  readonly key: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly modifiedMs: number;
}

export interface ObjectHead {
  readonly bytes: number;
  readonly modifiedMs: number;
  /** Another one for another content. */
  readonly etag: string;
  /** Hex, of the whole content as the store took it in and keeps it; only from stores that have it. */
  readonly sha256?: string;
}

export interface ObjectStream {
  readonly bytes: number;
  readonly etag: string;
  readonly chunks: AsyncIterable<Uint8Array>;
}
