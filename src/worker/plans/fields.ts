/** Not in use. */
export const NO_BYTES = 0;

/**
 * What is known of each resident plan, by its handle: numbers in arrays, no objects. Growing copies what is in use;
 * the rest of a larger array takes no memory before it is written to.
 */
export interface Fields {
  /** Where its entry is (slabs.ts). */
  readonly places: Uint32Array;
  /** Of its entry; NO_BYTES: the handle is free. */
  readonly bytes: Uint32Array;
  readonly keyBytes: Uint16Array;
  /** Of tenant and model. */
  readonly hashes: Uint32Array;
  /** structures.ts */
  readonly structures: Uint32Array;
  /** Runs in other threads. */
  readonly leases: Uint32Array;
  /** It has finished a run: 1; it may be pinned: 2. */
  readonly flags: Uint8Array;
  /** Its uses, as they weigh (core/use-clock). */
  readonly weights: Float64Array;
  readonly loadUs: Float32Array;
  /** In units of TIME_UNIT_MS. */
  readonly loadedAt: Uint32Array;
  readonly lastUsedAt: Uint32Array;
  readonly uses: Uint32Array;
}

/** Two years of a worker's clock fit 32 bits. */
export const TIME_UNIT_MS = 16;

export const HAS_RUN = 1;
export const MAY_BE_PINNED = 2;

/**
 * What is kept for one plan beside its entry: 47 bytes of fields, and its part of the index and of what is remembered
 * of plans that are gone.
 */
export const PLAN_BYTES = 64;

export function newFields(capacity: number, old?: Fields): Fields {
  const fields: Fields = {
    places: new Uint32Array(capacity),
    bytes: new Uint32Array(capacity),
    keyBytes: new Uint16Array(capacity),
    hashes: new Uint32Array(capacity),
    structures: new Uint32Array(capacity),
    leases: new Uint32Array(capacity),
    flags: new Uint8Array(capacity),
    weights: new Float64Array(capacity),
    loadUs: new Float32Array(capacity),
    loadedAt: new Uint32Array(capacity),
    lastUsedAt: new Uint32Array(capacity),
    uses: new Uint32Array(capacity),
  };
  if (old !== undefined)
    for (const name of Object.keys(fields) as (keyof Fields)[]) fields[name].set(old[name]);
  return fields;
}
