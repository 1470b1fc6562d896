import { ShoalError } from '../core/errors.ts';
import { FairQueue } from '../core/fair-queue.ts';
import type { Digest } from '../core/ids.ts';
import { decideLoad, type ResidencyAction } from '../core/residency-policy.ts';
import { type ModelKey, parseModelKey } from '../wire/model-key.ts';
import { type ArtifactSource, ownBuffer } from './artifact-source.ts';
import type { LanePlacement, Placed } from './lanes.ts';
import type { Lease, Waiter } from './lease.ts';
import type { WorkerMetrics } from './metrics.ts';

/** waiting (for memory) -> loading -> resident -> leaving -> gone. Bytes count from loading to gone. */
interface Entry {
  readonly key: ModelKey;
  readonly tenant: string;
  readonly digest: Digest;
  readonly residentBytes: number;
  readonly arrivedMs: number;
  readonly waiters: Set<Waiter>;
  state: 'waiting' | 'loading' | 'resident' | 'leaving';
  leases: number;
  placed: Placed | undefined;
}

type ResidentEntry = Entry & { placed: Placed };

export interface ResidencyOptions {
  readonly budgetBytes: number;
  readonly memoryWaitMs: number;
  readonly concurrentLoads: number;
  readonly lanes: LanePlacement;
  readonly artifacts: ArtifactSource;
  readonly metrics: WorkerMetrics;
  readonly clock: () => number;
}

/**
 * Which models are in memory. One load a model however many wait (invariant 5); a leased model is never released
 * (invariant 3); bytes loading, resident and leaving never exceed the budget (invariant 4). What to evict is
 * core/residency-policy's to decide; here it is done.
 */
export class Residency {
  readonly #options: ResidencyOptions;
  readonly #entries = new Map<ModelKey, Entry>();
  /** Resident and without a lease, least recently used first. */
  readonly #idle = new Map<ModelKey, ResidentEntry>();
  /**
   * Cold models in line for memory and a load slot. Tenants take turns; the head is never passed by, so that a
   * large model isn't starved by small ones.
   */
  readonly #line = new FairQueue<Entry>();
  /** Since when the head of the line has found no memory and nothing was begun. */
  #shortSinceMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #usedBytes = 0;
  #leavingBytes = 0;
  #loading = 0;
  #resident = 0;

  constructor(options: ResidencyOptions) {
    this.#options = options;
    options.metrics.budgetBytes.set(options.budgetBytes);
  }

  /** Everything that counts against the budget now. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  get residentModels(): number {
    return this.#resident;
  }

  isResident(key: ModelKey): boolean {
    return this.#entries.get(key)?.state === 'resident';
  }

  /** Those that begin with `prefix`. */
  residentKeys(prefix = ''): ModelKey[] {
    return [...this.#entries.values()]
      .filter(({ key, state }) => state === 'resident' && key.startsWith(prefix))
      .map(({ key }) => key);
  }

  /** A lease at once when the model is resident. */
  lease(key: ModelKey): Lease | undefined {
    const entry = this.#entries.get(key);
    return entry?.state === 'resident' ? this.#leased(entry as ResidentEntry) : undefined;
  }

  release(lease: Lease): void {
    const entry = lease as ResidentEntry;
    entry.leases--;
    if (entry.leases > 0) return;
    this.#idle.set(entry.key, entry);
    if (this.#line.size > 0) this.#step();
  }

  /** Whether a load could begin at once that takes nothing from any other: what background work may do. */
  hasSpare(residentBytes: number): boolean {
    const isQuiet = this.#loading === 0 && this.#line.size === 0;
    return isQuiet && this.#usedBytes + residentBytes <= this.#options.budgetBytes;
  }

  /** For a model that `lease` didn't have. The waiter is called later, never from in here. */
  load(key: ModelKey, residentBytes: number, waiter: Waiter): void {
    let entry = this.#entries.get(key);
    if (entry === undefined || entry.state === 'leaving') {
      const parts = parseModelKey(key);
      if (parts === undefined) {
        const error = new ShoalError('INVALID_REQUEST', 'a model key is tenant/model/version@digest');
        queueMicrotask(() => waiter.failed(error));
        return;
      }
      entry = this.#newEntry(key, parts.tenant, parts.digest, residentBytes);
      queueMicrotask(() => this.#step());
    }
    entry.waiters.add(waiter);
  }

  /** A waiter that has gone away. A load that nobody waits for any more doesn't begin. */
  abandon(key: ModelKey, waiter: Waiter): void {
    const entry = this.#entries.get(key);
    if (entry?.waiters.delete(waiter) === true && entry.state === 'waiting' && entry.waiters.size === 0) {
      this.#forget(entry);
      this.#step();
    }
  }

  #newEntry(key: ModelKey, tenant: string, digest: Digest, residentBytes: number): Entry {
    const entry: Entry = {
      key,
      tenant,
      digest,
      residentBytes,
      arrivedMs: this.#options.clock(),
      waiters: new Set(),
      state: 'waiting',
      leases: 0,
      placed: undefined,
    };
    // A model on its way out under the same key has its own entry; it only loses its place in the table.
    this.#entries.set(key, entry);
    this.#line.push(tenant, entry);
    return entry;
  }

  #why(): string {
    const { budgetBytes } = this.#options;
    return `${this.#usedBytes} of ${budgetBytes} budget bytes are in use by ${this.#resident} resident models and ${this.#loading} loads`;
  }

  /** Serves the line from its head until something has to be waited for. */
  #step(): void {
    const { budgetBytes, concurrentLoads } = this.#options;
    clearTimeout(this.#timer);
    for (let entry = this.#line.peek(); entry !== undefined; entry = this.#line.peek()) {
      if (this.#loading >= concurrentLoads) {
        this.#shortSinceMs = undefined;
        return;
      }
      const decision = decideLoad({
        budgetBytes,
        neededBytes: entry.residentBytes,
        usedBytes: this.#usedBytes,
        leavingBytes: this.#leavingBytes,
        idle: this.#idle.values(),
      });
      // No OVERLOADED: neither another worker, which has no larger budget, nor a later try would do better.
      if (decision.action === 'refuse')
        this.#fail(entry, new ShoalError('UNSUPPORTED_ARTIFACT', decision.reason));
      else if (decision.action === 'load') this.#begin(entry);
      else if (decision.action === 'evict') return this.#evictAll(decision);
      else if (!this.#hasWaited(entry)) return;
    }
  }

  /** Fails the head of the line when it has had no memory for `memoryWaitMs`; else `#step` comes back by then. */
  #hasWaited(head: Entry): boolean {
    const { clock, memoryWaitMs } = this.#options;
    const nowMs = clock();
    this.#shortSinceMs ??= nowMs;
    const leftMs = Math.max(head.arrivedMs, this.#shortSinceMs) + memoryWaitMs - nowMs;
    if (leftMs > 0) {
      this.#timer = setTimeout(() => this.#step(), leftMs);
      return false;
    }
    const message = `no room to load the model within ${memoryWaitMs} ms: ${this.#why()}`;
    this.#fail(head, new ShoalError('OVERLOADED', message));
    return true;
  }

  #begin(entry: Entry): void {
    this.#shortSinceMs = undefined;
    this.#line.shift();
    entry.state = 'loading';
    this.#loading++;
    this.#count(entry.residentBytes);
    this.#fetchAndLoad(entry).then(
      (placed) => this.#arrive(entry, placed),
      (error: unknown) => this.#miss(entry, error),
    );
  }

  async #fetchAndLoad(entry: Entry): Promise<Placed> {
    const { artifacts, lanes, clock, metrics } = this.#options;
    const startedMs = clock();
    const bytes = await artifacts.read(entry.digest);
    if (bytes === undefined)
      throw new ShoalError('STORE_UNAVAILABLE', `artifact ${entry.digest} is not in the artifact store`);
    const placed = lanes.place(entry.residentBytes);
    try {
      await placed.lane.load(entry.key, placed.handle, ownBuffer(bytes));
    } catch (error) {
      lanes.unplace(placed, entry.residentBytes);
      throw error;
    }
    metrics.loadSeconds.observe((clock() - startedMs) / 1_000);
    return placed;
  }

  #arrive(entry: Entry, placed: Placed): void {
    this.#loading--;
    this.#resident++;
    entry.state = 'resident';
    entry.placed = placed;
    this.#options.metrics.loads.inc();
    this.#options.metrics.residentModels.set(this.#resident);
    const resident = entry as ResidentEntry;
    this.#idle.set(entry.key, resident);
    const waiters = [...entry.waiters];
    entry.waiters.clear();
    const leases = waiters.map(() => this.#leased(resident));
    for (const [index, waiter] of waiters.entries()) waiter.loaded(leases[index] as Lease);
    this.#step();
  }

  #miss(entry: Entry, cause: unknown): void {
    this.#loading--;
    this.#count(-entry.residentBytes);
    this.#options.metrics.loadFailures.inc();
    const error =
      cause instanceof ShoalError
        ? cause
        : new ShoalError('INTERNAL', `loading failed: ${String(cause)}`, { cause });
    this.#fail(entry, error);
    this.#step();
  }

  #evictAll({ keys, reason }: ResidencyAction & { action: 'evict' }): void {
    for (const key of keys) {
      this.#options.metrics.evictions.inc({ reason });
      void this.#evict(this.#idle.get(key) as ResidentEntry);
    }
  }

  async #evict(entry: ResidentEntry): Promise<void> {
    const { lanes, metrics } = this.#options;
    this.#idle.delete(entry.key);
    entry.state = 'leaving';
    this.#resident--;
    metrics.residentModels.set(this.#resident);
    this.#leavingBytes += entry.residentBytes;
    await entry.placed.lane.release(entry.placed.handle);
    lanes.unplace(entry.placed, entry.residentBytes);
    this.#leavingBytes -= entry.residentBytes;
    this.#count(-entry.residentBytes);
    this.#forget(entry);
    this.#step();
  }

  #fail(entry: Entry, error: ShoalError): void {
    this.#forget(entry);
    const waiters = [...entry.waiters];
    entry.waiters.clear();
    for (const waiter of waiters) waiter.failed(error);
  }

  #forget(entry: Entry): void {
    this.#line.delete(entry.tenant, entry);
    if (this.#entries.get(entry.key) === entry) this.#entries.delete(entry.key);
  }

  #leased(entry: ResidentEntry): Lease {
    if (entry.leases === 0) this.#idle.delete(entry.key);
    entry.leases++;
    return entry;
  }

  #count(bytes: number): void {
    this.#usedBytes += bytes;
    this.#options.metrics.residentBytes.set(this.#usedBytes);
  }
}
