import { type PlacementWorker, rankWorkers } from './rendezvous.ts';

/** How many workers a tenant gets when its settings say nothing; all, if there are fewer. */
export const DEFAULT_SHARD_SIZE = 8;

/**
 * The workers that a tenant's models may run on, spread over the zones. Depends only on the tenant's name and
 * the set of workers; one worker that comes or goes changes at most one place.
 */
export function tenantShard<W extends PlacementWorker>(
  tenant: string,
  workers: readonly W[],
  shardSize: number = DEFAULT_SHARD_SIZE,
): W[] {
  return rankWorkers(`tenant ${tenant}`, workers)
    .slice(0, shardSize)
    .map(({ worker }) => worker);
}

/** The tenant's shard in the order in which this model uses it: its copies are the first of it, other zones first. */
export function modelOrder<W extends PlacementWorker>(
  tenant: string,
  model: string,
  shard: readonly W[],
): W[] {
  return rankWorkers(`model ${tenant}/${model}`, shard).map(({ worker }) => worker);
}

/** The workers that hold the model when it has `copies` copies; at least one while there is a worker. */
export function copiesOf<W>(order: readonly W[], copies: number): readonly W[] {
  return order.slice(0, Math.max(1, copies));
}

export interface PlacedWorker {
  readonly worker: string;
  readonly zone: string;
  /** Place in the model's order; the first places hold its copies, the others stand in when those fail. */
  readonly rank: number;
  readonly reason: string;
}

export interface Placement {
  readonly tenant: string;
  readonly model: string;
  readonly shardSize: number;
  /** Live workers the shard was chosen from. */
  readonly workers: number;
  readonly shard: readonly PlacedWorker[];
}

/** Where a model may run and why, for people. */
export function placementOf(
  tenant: string,
  model: string,
  workers: readonly PlacementWorker[],
  shardSize: number = DEFAULT_SHARD_SIZE,
): Placement {
  const inTenantOrder = rankWorkers(`tenant ${tenant}`, workers).slice(0, shardSize);
  const zoneRanks = new Map(inTenantOrder.map((ranked) => [ranked.worker.id, ranked.zoneRank]));
  const order = modelOrder(
    tenant,
    model,
    inTenantOrder.map(({ worker }) => worker),
  );
  const shard = order.map(({ id, zone }, rank) => ({
    worker: id,
    zone,
    rank,
    reason: `number ${(zoneRanks.get(id) ?? 0) + 1} of zone ${zone} for the tenant, number ${rank + 1} of its shard for the model`,
  }));
  return { tenant, model, shardSize, workers: workers.length, shard };
}
