export interface QueueBounds {
  readonly requests: number;
  readonly bytes: number;
}

/** A line that never was shorter than this, for this long, shows how fast it moves. */
const LINE_REQUESTS = 8;
const LINE_MS = 100;

/** Of the time that a request has left, what its wait may take: the rest is for its run and the way back. */
export const WAIT_SHARE = 0.9;

interface Held {
  requests: number;
  bytes: number;
  /** The fewest requests, and those answered, since `sinceMs`. */
  fewest: number;
  answered: number;
  sinceMs: number;
  /** 0: not known. */
  answeredPerMs: number;
}

/**
 * Who holds how much of one bounded queue. A tenant may hold at most as much as is free: alone it gets half of the
 * queue, n floods leave one part in n + 1, so that whoever comes new finds room. (Choudhury and Hahne, "Dynamic
 * queue length thresholds for shared-memory packet switches", 1998, with alpha = 1.)
 */
export class QueueShares {
  readonly #bounds: QueueBounds;
  readonly #byTenant = new Map<string, Held>();
  #requests = 0;
  #bytes = 0;

  constructor(bounds: QueueBounds) {
    this.#bounds = bounds;
  }

  get requests(): number {
    return this.#requests;
  }

  get bytes(): number {
    return this.#bytes;
  }

  requestsOf(tenant: string): number {
    return this.#byTenant.get(tenant)?.requests ?? 0;
  }

  /** How many tenants hold something. */
  get tenants(): number {
    return this.#byTenant.size;
  }

  /**
   * Undefined when there is room, else whose fault it is that there is none. An empty queue takes a request of any
   * size. `besideBytes`: held by nobody any more, and not free yet.
   */
  refusal(tenant: string, bytes: number, besideBytes = 0): 'queue' | 'tenant' | undefined {
    const heldBytes = this.#bytes + besideBytes;
    const freeRequests = this.#bounds.requests - this.#requests;
    const freeBytes = heldBytes === 0 ? Number.POSITIVE_INFINITY : this.#bounds.bytes - heldBytes;
    if (freeRequests < 1 || freeBytes < bytes) return 'queue';
    const own = this.#byTenant.get(tenant);
    if (own === undefined) return undefined;
    return own.requests + 1 > freeRequests || own.bytes + bytes > freeBytes ? 'tenant' : undefined;
  }

  add(tenant: string, bytes: number, nowMs: number): void {
    this.#requests++;
    this.#bytes += bytes;
    const own = this.#byTenant.get(tenant);
    if (own === undefined) {
      const line = { fewest: 1, answered: 0, sinceMs: nowMs, answeredPerMs: 0 };
      this.#byTenant.set(tenant, { requests: 1, bytes, ...line });
    } else {
      own.requests++;
      own.bytes += bytes;
    }
  }

  /** One of the tenant's, still counted here, was answered. */
  answered(tenant: string, nowMs: number): void {
    const own = this.#byTenant.get(tenant);
    if (own === undefined) return;
    own.answered++;
    const elapsedMs = nowMs - own.sinceMs;
    if (elapsedMs < LINE_MS) return;
    own.answeredPerMs = own.fewest < LINE_REQUESTS ? 0 : own.answered / elapsedMs;
    own.fewest = own.requests;
    own.answered = 0;
    own.sinceMs = nowMs;
  }

  /** How long the tenant's next would wait at the pace at which its line has moved lately; 0 when that isn't known. */
  ownWaitMs(tenant: string): number {
    const own = this.#byTenant.get(tenant);
    return own === undefined || own.answeredPerMs === 0 ? 0 : (own.requests + 1) / own.answeredPerMs;
  }

  /** What was added before. */
  remove(tenant: string, bytes: number): void {
    const own = this.#byTenant.get(tenant);
    if (own === undefined) throw new Error(`tenant ${tenant} holds nothing of this queue`);
    this.#requests--;
    this.#bytes -= bytes;
    own.bytes -= bytes;
    own.requests--;
    if (own.requests === 0) this.#byTenant.delete(tenant);
    else if (own.requests < own.fewest) own.fewest = own.requests;
  }
}
