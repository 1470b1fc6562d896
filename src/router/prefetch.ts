import type { Logger } from 'pino';
import type { Limits } from '../core/limits.ts';
import { copiesOf, modelOrder, tenantShard } from '../core/placement/placement.ts';
import type { Member, Members } from '../stores/members/members.ts';
import type { ModelKey } from '../wire/model-key.ts';
import type { RouterMetrics } from './metrics.ts';
import type { WorkerControl } from './worker-control.ts';

export interface PrefetcherDeps {
  readonly members: Members;
  readonly control: Pick<WorkerControl, 'warmAhead'>;
  /** The tenant's own shard size; undefined: the default. */
  readonly shardSizeOf: (tenant: string) => number | undefined | Promise<number | undefined>;
  readonly metrics: Pick<RouterMetrics, 'prefetches'>;
  readonly limits: Pick<Limits, 'prefetchLoads' | 'warmMs'>;
  readonly logger: Logger;
}

export type Prefetch = (tenant: string, model: string, key: ModelKey, residentBytes: number) => void;

/**
 * Asks the first worker of a model's order to load a version that was just made stable, if it has memory to spare.
 * Nobody waits for it and nothing depends on it: beyond `limits.prefetchLoads` under way it isn't done.
 */
export function createPrefetcher(deps: PrefetcherDeps): Prefetch {
  const { members, control, shardSizeOf, metrics, limits, logger } = deps;
  let underWay = 0;
  const load = async (tenant: string, model: string, key: ModelKey, residentBytes: number): Promise<void> => {
    let first: Member | undefined;
    try {
      const order = modelOrder(tenant, model, tenantShard(tenant, members.list(), await shardSizeOf(tenant)));
      [first] = copiesOf(order, 1);
      if (first === undefined) return;
      const { loaded } = await control.warmAhead(first, { key, residentBytes, ifSpare: true }, limits.warmMs);
      metrics.prefetches.inc({ outcome: loaded ? 'loaded' : 'no_room' });
    } catch (error) {
      metrics.prefetches.inc({ outcome: 'failed' });
      logger.debug(
        { err: error, key, worker: first?.id },
        'a version was not loaded ahead of its first request',
      );
    }
  };
  return (tenant, model, key, residentBytes) => {
    if (underWay >= limits.prefetchLoads) return metrics.prefetches.inc({ outcome: 'dropped' });
    underWay++;
    void load(tenant, model, key, residentBytes).finally(() => underWay--);
  };
}
