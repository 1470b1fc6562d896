import type { EvictionReason } from '../wire/control.ts';
import type { ModelKey } from '../wire/model-key.ts';
import type { Displacer } from './beside.ts';
import type { Life } from './copy.ts';
import type { VersionIndex } from './version-index.ts';

/** What is left of a copy that was evicted. Kept small: there may be `historyVersions` of them. */
export interface Departure {
  readonly residentBytes: number;
  readonly loadUs: number;
  readonly loadedMs: number;
  readonly lastUsedMs: number;
  readonly uses: number;
  readonly leftMs: number;
  readonly reason: EvictionReason;
  readonly forKey: ModelKey | undefined;
  readonly forBytes: number;
  /** What had been evicted for room before it, in all. */
  readonly evictedBytesBefore: number;
  /** What had been evicted for room when it was asked for again, in all; undefined: it hasn't been. */
  evictedBytesAtReturn: number | undefined;
}

/** The last departure of each version, as many as may be remembered; the one that is longest ago is forgotten first. */
export class History {
  readonly #maxVersions: number;
  readonly #versions: VersionIndex;
  readonly #departures = new Map<ModelKey, Departure>();
  /** Goes along with the departures: one that begins anew would step over all that were deleted. */
  readonly #oldest = this.#departures.keys();
  #evictedBytes = 0;

  constructor(maxVersions: number, versions: VersionIndex) {
    this.#maxVersions = maxVersions;
    this.#versions = versions;
  }

  /** Evicted for room so far, in all. */
  get evictedBytes(): number {
    return this.#evictedBytes;
  }

  left(
    key: ModelKey,
    life: Life,
    reason: EvictionReason,
    displacer: Displacer | undefined,
    leftMs: number,
  ): void {
    const { residentBytes, loadUs, loadedMs, lastUsedMs, uses } = life;
    if (!this.#departures.delete(key)) this.#versions.add(key);
    this.#departures.set(key, {
      residentBytes,
      loadUs,
      loadedMs,
      lastUsedMs,
      uses,
      leftMs,
      reason,
      forKey: displacer?.key,
      forBytes: displacer?.residentBytes ?? 0,
      evictedBytesBefore: this.#evictedBytes,
      evictedBytesAtReturn: undefined,
    });
    if (displacer !== undefined) this.#evictedBytes += residentBytes;
    if (this.#departures.size <= this.#maxVersions) return;
    const oldest = this.#oldest.next().value as ModelKey;
    this.#departures.delete(oldest);
    this.#versions.delete(oldest);
  }

  /** It is asked for again. */
  returned(key: ModelKey): void {
    const departure = this.#departures.get(key);
    if (departure !== undefined) departure.evictedBytesAtReturn ??= this.#evictedBytes;
  }

  get(key: ModelKey): Departure | undefined {
    return this.#departures.get(key);
  }
}
