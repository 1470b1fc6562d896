import type { Digest } from '../core/ids.ts';
import type { ModelKey } from '../wire/model-key.ts';
import type { Placed } from './lanes.ts';
import type { Waiter } from './lease.ts';

/** What is told of a version that was loaded. */
export interface Life {
  readonly state: 'waiting' | 'loading' | 'resident' | 'leaving';
  readonly residentBytes: number;
  /** As the lane measured it. */
  readonly loadUs: number;
  readonly loadedMs: number;
  /** By a request; background runs and warming are none. */
  readonly lastUsedMs: number;
  /** Requests since it was loaded. */
  readonly uses: number;
}

/**
 * One residency of a version in this worker, from its first request to its release:
 * waiting (in line) -> loading -> resident -> leaving -> gone. Its bytes count from loading to gone.
 */
export interface Copy extends Life {
  readonly key: ModelKey;
  readonly tenant: string;
  readonly digest: Digest;
  readonly arrivedMs: number;
  /** When its load should begin, as the line stood when it joined. */
  readonly expectedMs: number;
  readonly waiters: Set<Waiter>;
  state: Life['state'];
  leases: number;
  placed: Placed | undefined;
  loadUs: number;
  loadedMs: number;
  lastUsedMs: number;
  uses: number;
}

export type ResidentCopy = Copy & { placed: Placed };
