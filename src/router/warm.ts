import type { Logger } from 'pino';
import { ShoalError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import { copiesOf, modelOrder, tenantShard } from '../core/placement/placement.ts';
import type { Members } from '../stores/members/members.ts';
import type { WarmRequest } from '../wire/control.ts';
import type { ModelKey } from '../wire/model-key.ts';
import type { WorkerControl } from './worker-control.ts';

export interface WarmerDeps {
  readonly members: Members;
  readonly control: WorkerControl;
  /** The tenant's own shard size; undefined: the default. */
  readonly shardSizeOf: (tenant: string) => number | undefined | Promise<number | undefined>;
  readonly limits: Pick<Limits, 'warmMs'>;
  readonly logger: Logger;
}

export interface WarmTarget {
  readonly key: ModelKey;
  readonly residentBytes: number;
  /** Warm where this version is resident; absent: on the first worker of the model's order. */
  readonly replacing?: ModelKey;
}

export type Warm = (tenant: string, model: string, target: WarmTarget) => Promise<void>;

/**
 * Loads a version before traffic reaches it. Asks the whole shard at once, waits at most `limits.warmMs`, logs
 * every failure and throws the first. A worker that can't be reached is no failure while another can: it holds
 * no copy that could be replaced.
 */
export function createWarmer({ members, control, shardSizeOf, limits, logger }: WarmerDeps): Warm {
  return async (tenant, model, { key, residentBytes, replacing }) => {
    const order = modelOrder(tenant, model, tenantShard(tenant, members.list(), await shardSizeOf(tenant)));
    const asked = replacing === undefined ? copiesOf(order, 1) : order;
    const warm: WarmRequest = {
      key,
      residentBytes,
      ...(replacing === undefined ? {} : { ifResident: replacing }),
    };
    const results = await Promise.allSettled(
      asked.map((member) => control.warm(member, warm, limits.warmMs)),
    );
    const failures: unknown[] = [];
    let away = 0;
    results.forEach((result, index) => {
      if (result.status === 'fulfilled') return;
      const error: unknown = result.reason;
      logger.warn({ err: error, key, worker: asked[index]?.id }, 'a version could not be warmed');
      if (error instanceof ShoalError && error.code === 'NO_WORKER') away++;
      else failures.push(error);
    });
    if (failures.length > 0) throw failures[0];
    if (away === asked.length) {
      throw new ShoalError(
        'NO_WORKER',
        `no worker of the shard of ${tenant}/${model} can be asked to warm it`,
      );
    }
  };
}
