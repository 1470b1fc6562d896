/** A version as chaos registers them: `v<number>`, whose artifact adds its number, which no other version has. */
export interface Registered {
  readonly tenant: string;
  readonly number: number;
}

export interface Answer {
  readonly tenant: string;
  /** The process that answered: one that was started again is another. */
  readonly router: string;
  readonly worker: string;
  /** `v<number>`, as the answer says. */
  readonly version: string;
  readonly x: number;
  readonly y: unknown;
  readonly sentAtMs: number;
}

/**
 * What was done and what came of it, checked as it comes in. Each tenant has one model, whose versions are registered
 * and made stable one after the other: the next only after the one before was acknowledged.
 */
export class History {
  /** What must not have been, in words. */
  readonly violations: string[] = [];
  answers = 0;
  acknowledged = 0;
  deletions = 0;
  readonly #tenants = new Map<string, TenantHistory>();
  readonly #mayRun: (tenant: string, worker: string, sinceMs: number) => boolean;
  readonly #now: () => number;

  /** `mayRun`: whether the worker can have been in the tenant's shard at some time since then. */
  constructor(now: () => number, mayRun: (tenant: string, worker: string, sinceMs: number) => boolean) {
    this.#now = now;
    this.#mayRun = mayRun;
  }

  get tenants(): string[] {
    return [...this.#tenants.keys()];
  }

  /** A registration that makes the version stable is sent; it may come about whatever is heard of it. */
  registering({ tenant, number }: Registered): void {
    let history = this.#tenants.get(tenant);
    if (history === undefined) this.#tenants.set(tenant, (history = new TenantHistory()));
    history.begun.add(number);
  }

  registered({ tenant, number }: Registered): void {
    this.#of(tenant).acknowledged.add(number);
    this.acknowledged++;
  }

  /** A deletion is sent. */
  deleting({ tenant, number }: Registered): void {
    this.#of(tenant).acknowledged.delete(number);
  }

  deleted({ tenant, number }: Registered): void {
    this.#of(tenant).deleted.add(number);
    this.deletions++;
  }

  /** Versions that must be there, oldest first. */
  present(tenant: string): number[] {
    return [...this.#of(tenant).acknowledged];
  }

  /** Versions that must not be there. */
  gone(tenant: string): number[] {
    return [...this.#of(tenant).deleted];
  }

  stable(tenant: string): number {
    return Math.max(...this.#of(tenant).acknowledged);
  }

  answered(answer: Answer): void {
    this.answers++;
    const { tenant, router, worker, version, x, y, sentAtMs } = answer;
    const history = this.#of(tenant);
    const number = Number(/^v(\d+)$/.exec(version)?.[1]);
    const wrong = (what: string): void => void this.violations.push(`${what}: ${JSON.stringify(answer)}`);
    if (!history.begun.has(number)) return wrong("an answer of a version that is none of the tenant's");
    if (y !== x + number) wrong(`an answer that its version does not give (${x + number})`);
    if (!this.#mayRun(tenant, worker, sentAtMs)) wrong('an answer from outside the shard');
    const floor = history.floorOf(router, sentAtMs);
    if (number < floor) wrong(`the router went back from v${floor}`);
    // What was never acknowledged may be undone.
    if (history.acknowledged.has(number)) history.raise(router, number, this.#now());
  }

  #of(tenant: string): TenantHistory {
    const history = this.#tenants.get(tenant);
    if (history === undefined) throw new Error(`nothing was registered for ${tenant}`);
    return history;
  }
}

class TenantHistory {
  readonly begun = new Set<number>();
  /** In the order in which they were. */
  readonly acknowledged = new Set<number>();
  readonly deleted = new Set<number>();
  /** By router: versions that it was seen to have, growing, and when their answers were in. */
  readonly #seen = new Map<string, { number: number; atMs: number }[]>();

  /** The newest acknowledged version that the router had answered with before. */
  floorOf(router: string, beforeMs: number): number {
    return this.#seen.get(router)?.findLast(({ atMs }) => atMs < beforeMs)?.number ?? 0;
  }

  raise(router: string, number: number, atMs: number): void {
    let seen = this.#seen.get(router);
    if (seen === undefined) this.#seen.set(router, (seen = []));
    if ((seen.at(-1)?.number ?? 0) < number) seen.push({ number, atMs });
  }
}
