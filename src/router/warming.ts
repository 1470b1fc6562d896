import type { Logger } from 'pino';
import type { Registry as MetricsRegistry } from 'prom-client';
import type { Limits } from '../core/limits.ts';
import type { Members } from '../stores/members/members.ts';
import { prefetchCounter } from './metrics.ts';
import { createPrefetcher, type Prefetch } from './prefetch.ts';
import { createWarmer, type Warm } from './warm.ts';
import { WorkerControl } from './worker-control.ts';

export interface WarmingOptions {
  readonly members: Members;
  readonly token: string;
  /** The tenant's own shard size; undefined: the default. */
  readonly shardSizeOf: (tenant: string) => Promise<number | undefined>;
  readonly limits: Limits;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
}

export interface Warming {
  readonly warm: Warm;
  readonly prefetch: Prefetch;
  close(): Promise<void>;
}

/** What a manager needs of a router, for a process without one. */
export function createWarming({ token, metrics, ...deps }: WarmingOptions): Warming {
  const control = new WorkerControl(token);
  return {
    warm: createWarmer({ ...deps, control }),
    prefetch: createPrefetcher({ ...deps, control, metrics: { prefetches: prefetchCounter([metrics]) } }),
    close: () => control.close(),
  };
}
