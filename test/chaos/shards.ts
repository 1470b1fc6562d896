import { tenantShard } from '../../src/core/placement/placement.ts';
import type { PlacementWorker } from '../../src/core/placement/rendezvous.ts';

interface Absence {
  readonly worker: string;
  readonly fromMs: number;
  untilMs: number;
}

/** Where tenants' models may have run, given that routers may or may not have missed some of the workers. */
export class Shards {
  readonly #workers: readonly PlacementWorker[];
  readonly #shardSize: number;
  readonly #absences: Absence[] = [];
  readonly #known = new Map<string, ReadonlySet<string>>();

  constructor(workers: readonly PlacementWorker[], shardSize: number) {
    this.#workers = workers;
    this.#shardSize = shardSize;
  }

  /** From now on routers may take it for gone; call the answer with the time from when on none does any more. */
  mayBeAbsent(worker: string, fromMs: number): (untilMs: number) => void {
    const absence = { worker, fromMs, untilMs: Number.POSITIVE_INFINITY };
    this.#absences.push(absence);
    return (untilMs) => {
      absence.untilMs = untilMs;
    };
  }

  /** Whether the worker was in the tenant's shard at some time since then, for whoever missed whom. */
  mayRun(tenant: string, worker: string, sinceMs: number): boolean {
    const absent = this.#absences.filter(({ untilMs }) => untilMs >= sinceMs).map(({ worker }) => worker);
    return this.#allowed(tenant, [...new Set(absent)].sort()).has(worker);
  }

  #allowed(tenant: string, absent: readonly string[]): ReadonlySet<string> {
    const key = `${tenant} ${absent.join()}`;
    let allowed = this.#known.get(key);
    if (allowed === undefined) this.#known.set(key, (allowed = this.#unionOf(tenant, absent)));
    return allowed;
  }

  #unionOf(tenant: string, absent: readonly string[]): ReadonlySet<string> {
    const union = new Set<string>();
    for (let subset = 0; subset < 2 ** absent.length; subset++) {
      const missed = new Set(absent.filter((_, index) => (subset >> index) % 2 === 1));
      const seen = this.#workers.filter(({ id }) => !missed.has(id));
      for (const { id } of tenantShard(tenant, seen, this.#shardSize)) union.add(id);
    }
    return union;
  }
}
