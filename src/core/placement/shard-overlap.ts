export interface ShardOverlap {
  readonly tenants: number;
  /** Tenants whose shard was compared with every other tenant's: all, or an even sample of them. */
  readonly compared: number;
  /** [n]: share of the pairs of tenants that have exactly n workers in common. Sums to 1. */
  readonly sharedWorkers: readonly number[];
  /** Share of the other tenants with at least one worker in a lost shard. */
  readonly touched: { readonly mean: number; readonly max: number };
  /** Share of the other tenants with all their workers in a lost shard. */
  readonly lost: { readonly mean: number; readonly max: number };
}

const MAX_COMPARED = 256;

interface DistinctShard {
  readonly workers: readonly number[];
  tenants: number;
}

/**
 * What the loss of one tenant's whole shard would do to the others, given every tenant's shard as worker ids.
 * Work is bounded: at most `maxCompared` shards, evenly taken, are compared with all.
 */
export function shardOverlap(
  shards: Iterable<readonly string[]>,
  maxCompared: number = MAX_COMPARED,
): ShardOverlap {
  const { distinct, perTenant, workerCount } = group(shards);
  const tenants = perTenant.length;
  const compared = tenants < 2 ? 0 : Math.min(tenants, maxCompared);
  const pairsBySharing: number[] = [];
  const touched: number[] = [];
  const lost: number[] = [];
  for (let index = 0; index < compared; index++) {
    const own = perTenant[Math.floor((index * tenants) / compared)] as DistinctShard;
    const inLostShard = new Uint8Array(workerCount);
    for (const worker of own.workers) inLostShard[worker] = 1;
    let touchedTenants = 0;
    let lostTenants = 0;
    for (const other of distinct) {
      const others = other === own ? other.tenants - 1 : other.tenants;
      let shared = 0;
      for (const worker of other.workers) shared += inLostShard[worker] ?? 0;
      pairsBySharing[shared] = (pairsBySharing[shared] ?? 0) + others;
      if (shared > 0) touchedTenants += others;
      if (shared > 0 && shared === other.workers.length) lostTenants += others;
    }
    touched.push(touchedTenants / (tenants - 1));
    lost.push(lostTenants / (tenants - 1));
  }
  const pairs = compared * (tenants - 1);
  const sharedWorkers = Array.from(pairsBySharing, (count) => (count ?? 0) / pairs);
  return { tenants, compared, sharedWorkers, touched: meanAndMax(touched), lost: meanAndMax(lost) };
}

/** Tenants with the same set of workers are one shard with a count. */
function group(shards: Iterable<readonly string[]>) {
  const workerIndex = new Map<string, number>();
  const byWorkers = new Map<string, DistinctShard>();
  const perTenant: DistinctShard[] = [];
  for (const shard of shards) {
    const workers = shard
      .map((id) => {
        const known = workerIndex.get(id);
        if (known !== undefined) return known;
        workerIndex.set(id, workerIndex.size);
        return workerIndex.size - 1;
      })
      .sort((a, b) => a - b);
    const name = workers.join(',');
    const same = byWorkers.get(name) ?? { workers, tenants: 0 };
    same.tenants++;
    byWorkers.set(name, same);
    perTenant.push(same);
  }
  return { distinct: [...byWorkers.values()], perTenant, workerCount: workerIndex.size };
}

function meanAndMax(values: readonly number[]): { mean: number; max: number } {
  if (values.length === 0) return { mean: 0, max: 0 };
  let sum = 0;
  let max = 0;
  for (const value of values) {
    sum += value;
    if (value > max) max = value;
  }
  return { mean: sum / values.length, max };
}
