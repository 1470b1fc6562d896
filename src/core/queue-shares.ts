export interface QueueBounds {
  readonly requests: number;
  readonly bytes: number;
}

interface Held {
  requests: number;
  bytes: number;
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

  add(tenant: string, bytes: number): void {
    this.#requests++;
    this.#bytes += bytes;
    const own = this.#byTenant.get(tenant);
    if (own === undefined) this.#byTenant.set(tenant, { requests: 1, bytes });
    else {
      own.requests++;
      own.bytes += bytes;
    }
  }

  /** What was added before. */
  remove(tenant: string, bytes: number): void {
    const own = this.#byTenant.get(tenant);
    if (own === undefined) throw new Error(`tenant ${tenant} holds nothing of this queue`);
    this.#requests--;
    this.#bytes -= bytes;
    own.bytes -= bytes;
    if (--own.requests === 0) this.#byTenant.delete(tenant);
  }
}
