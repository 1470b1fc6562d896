import type { Digest } from '../core/ids.ts';
import type { ModelKey } from '../wire/model-key.ts';
import type { Placed } from './lanes.ts';
import type { Waiter } from './lease.ts';

/**
 * One residency of a version in this worker, from its first request to its release:
 * waiting (in line) -> loading -> resident -> leaving -> gone. Its bytes count from loading to gone.
 */
export interface Copy {
  readonly key: ModelKey;
  readonly tenant: string;
  readonly digest: Digest;
  readonly residentBytes: number;
  readonly arrivedMs: number;
  /** When its load should begin, as the line stood when it joined. */
  readonly expectedMs: number;
  readonly waiters: Set<Waiter>;
  state: 'waiting' | 'loading' | 'resident' | 'leaving';
  leases: number;
  placed: Placed | undefined;
  /** As the lane measured it. */
  loadUs: number;
  loadedMs: number;
  /** By a request; background runs and warming are none. */
  lastUsedMs: number;
  /** Requests since it was loaded. */
  uses: number;
}

export type ResidentCopy = Copy & { placed: Placed };
