import { overloaded, ShoalError } from '../core/errors.ts';
import type { EvictionReason } from '../wire/control.ts';
import { type ModelKey, parseModelKey } from '../wire/model-key.ts';
import { type ArtifactSource, ownBuffer } from './artifact-source.ts';
import type { Displacer } from './beside.ts';
import type { Copy, ResidentCopy } from './copy.ts';
import type { Placed } from './lanes.ts';
import type { Lease, Waiter } from './lease.ts';
import { LoadLines, type LoadLinesOptions } from './load-lines.ts';
import { asShoalError, notStored } from './load-errors.ts';
import { MemoryWait } from './memory-wait.ts';
import { PLANS, Residents, type ResidentsOptions } from './residents.ts';

export interface ResidencyOptions extends ResidentsOptions {
  readonly limits: ResidentsOptions['limits'] &
    LoadLinesOptions['limits'] & { readonly memoryWaitMs: number };
  readonly artifacts: ArtifactSource;
  readonly parallelLoads: LoadLinesOptions['parallelLoads'];
  readonly suspects: LoadLinesOptions['suspects'];
  /** Memory of a session is free. */
  readonly onFreed?: () => void;
}

/**
 * Which models are in memory. One load a model however many wait (invariant 5); a leased model is never released
 * (invariant 3); bytes loading, resident and leaving never exceed the budget (invariant 4). What to evict is
 * decided in core/eviction-order and core/residency-policy; here it is done. Sessions only: plans/ has the plans.
 */
export class Residency {
  readonly residents: Residents;
  readonly #options: ResidencyOptions;
  readonly #copies = new Map<ModelKey, Copy>();
  readonly #line: LoadLines;
  readonly #memoryWait: MemoryWait;
  #stepScheduled = false;

  constructor(options: ResidencyOptions) {
    this.#options = options;
    this.residents = new Residents(options);
    this.#line = new LoadLines(options);
    this.#memoryWait = new MemoryWait(options.limits.memoryWaitMs, () => this.#step());
  }

  /** For a plan; false: nothing may go. */
  evictLowest(reason: EvictionReason, displacer: Displacer): boolean {
    const copy = this.residents.lowest()?.copy;
    if (copy === undefined) return false;
    void this.#evict(copy, reason, displacer);
    return true;
  }

  /** Memory of plans is free. */
  freed(): void {
    if (this.#line.size > 0) this.#stepSoon();
  }

  isResident(key: ModelKey): boolean {
    return this.#copies.get(key)?.state === 'resident';
  }

  copy(key: ModelKey): Copy | undefined {
    return this.#copies.get(key);
  }

  /** A lease at once when the model is resident. What is asked for in the background isn't wanted the more for it. */
  lease(key: ModelKey, background: boolean): Lease | undefined {
    const copy = this.#copies.get(key);
    // The copy's own key is found faster: it is the very string that the order has, not one like it.
    if (!background) this.residents.use(copy?.key ?? key);
    return copy?.state === 'resident' ? this.residents.lease(copy as ResidentCopy, background) : undefined;
  }

  release(lease: Lease): void {
    this.residents.release(lease);
    if (this.#line.size > 0) this.#stepSoon();
  }

  /** Whether a load could begin at once that takes nothing from any other: what background work may do. */
  hasSpare(residentBytes: number): boolean {
    return this.#line.underWay === 0 && this.#line.size === 0 && this.residents.hasRoom(residentBytes);
  }

  /** For a model that `lease` didn't have. The waiter is called later, never from in here. */
  load(key: ModelKey, residentBytes: number, waiter: Waiter): void {
    try {
      const found = this.#copies.get(key);
      const isNew = found === undefined || found.state === 'leaving';
      const copy = isNew ? this.#newCopy(key, residentBytes) : found;
      this.#checkWait(copy, waiter);
      copy.waiters.add(waiter);
      if (isNew) this.#join(copy);
    } catch (error) {
      queueMicrotask(() => waiter.failed(asShoalError(error)));
    }
  }

  /** A waiter that has gone away. A load that nobody waits for any more doesn't begin; one that has begun goes on. */
  abandon(key: ModelKey, waiter: Waiter): void {
    const copy = this.#copies.get(key);
    if (copy?.waiters.delete(waiter) === true && copy.state === 'waiting' && copy.waiters.size === 0) {
      this.#forget(copy);
      this.#step();
    }
  }

  /** For a waiter whose deadline is near: why it is given up, when its model still waits for its turn; undefined: it doesn't. */
  giveUp(key: ModelKey, waiter: Waiter): ShoalError | undefined {
    const copy = this.#copies.get(key);
    if (copy?.state !== 'waiting' || !copy.waiters.has(waiter)) return undefined;
    this.#options.metrics.loadsRefused.inc({ reason: 'line' });
    const line = this.#line.of(copy.residentBytes);
    const message = `${line.size + line.underWay} cold models wait or are being loaded: the turn of this one has not come before its caller's deadline`;
    const refusal = overloaded(message, line.waitMs(copy.tenant));
    this.abandon(key, waiter);
    return refusal;
  }

  /** Releases what nobody has asked for for too long; to be called every `residents.sweepMs`. */
  sweepIdle(): void {
    for (const copy of this.residents.takeIdle()) void this.#evict(copy, 'idle', undefined);
  }

  #newCopy(key: ModelKey, residentBytes: number): Copy {
    const parts = parseModelKey(key);
    if (parts === undefined)
      throw new ShoalError('INVALID_REQUEST', 'a model key is tenant/model/version@digest');
    const arrivedMs = this.#options.clock();
    return {
      key,
      tenant: parts.tenant,
      digest: parts.digest,
      residentBytes,
      arrivedMs,
      expectedMs: arrivedMs + this.#line.of(residentBytes).waitMs(parts.tenant),
      waiters: new Set(),
      state: 'waiting',
      leases: 0,
      placed: undefined,
      loadUs: 0,
      loadedMs: 0,
      lastUsedMs: 0,
      uses: 0,
    };
  }

  /** Better refused at once than after a wait that can't end well. */
  #checkWait({ state, expectedMs, residentBytes }: Copy, waiter: Waiter): void {
    if (state !== 'waiting' || expectedMs <= waiter.expiresAtMs) return;
    const { clock, metrics } = this.#options;
    const nowMs = clock();
    // Too late already, and not because of the line.
    if (waiter.expiresAtMs <= nowMs) return;
    metrics.loadsRefused.inc({ reason: 'line' });
    const waitMs = Math.ceil(expectedMs - nowMs);
    const leftMs = Math.floor(waiter.expiresAtMs - nowMs);
    const line = this.#line.of(residentBytes);
    throw overloaded(
      `${line.size + line.underWay} cold models wait or are being loaded: the turn of this one would come in about ${waitMs} ms, its caller waits for ${leftMs} ms`,
      waitMs,
    );
  }

  #join(copy: Copy): void {
    // One on its way out under the same key only loses its place in the table.
    if (!this.#copies.has(copy.key)) this.residents.versions.add(copy.key);
    this.#copies.set(copy.key, copy);
    this.#line.push(copy);
    this.residents.history.returned(copy.key);
    this.#stepSoon();
  }

  #stepSoon(): void {
    if (this.#stepScheduled) return;
    this.#stepScheduled = true;
    queueMicrotask(() => {
      this.#stepScheduled = false;
      this.#step();
    });
  }

  /** Serves the line from its head until something has to be waited for. */
  #step(): void {
    const { clock, excessBytes } = this.#options;
    this.#memoryWait.pause();
    for (let copy = this.#line.next(); copy !== undefined; copy = this.#line.next()) {
      const { decision, reason, planBytes } = this.residents.decide(copy.residentBytes);
      if (decision.action === 'load') void this.#load(copy);
      else if (decision.action === 'evict') {
        for (const key of decision.keys) {
          if (key === PLANS) this.#options.plans.giveUp(planBytes, reason, copy);
          else void this.#evict(this.#copies.get(key) as ResidentCopy, reason, copy);
        }
        return this.#memoryWait.recheck();
      } else if (decision.action === 'refuse') {
        // No OVERLOADED: neither another worker, which has no larger budget, nor a later try would do better.
        this.#refuse(copy, 'size', new ShoalError('UNSUPPORTED_ARTIFACT', decision.reason));
      } else if (
        this.#memoryWait.isOver(copy.arrivedMs, clock(), excessBytes() > 0 || this.residents.isAnyLeaving)
      ) {
        this.#refuse(copy, 'memory', this.#noRoom());
      } else return;
    }
    this.#memoryWait.end();
  }

  async #load(copy: Copy): Promise<void> {
    const { clock, metrics } = this.#options;
    this.#memoryWait.end();
    this.#line.begin(copy, clock());
    copy.state = 'loading';
    this.residents.reserve(copy.residentBytes);
    const placed = await this.#fetchAndLoad(copy).catch(asShoalError);
    // A lane refuses what nobody waits for any more, or all while a run holds it.
    const wasBegun = !(placed instanceof ShoalError && placed.code === 'OVERLOADED');
    this.#line.end(copy, clock(), wasBegun);
    if (placed instanceof ShoalError) {
      this.residents.reserve(-copy.residentBytes);
      if (wasBegun) metrics.loadFailures.inc();
      this.#fail(copy, placed);
    } else this.#arrive(Object.assign(copy, { placed }));
    this.#step();
  }

  async #fetchAndLoad(copy: Copy): Promise<Placed> {
    const { artifacts, lanes, clock, metrics } = this.#options;
    const startedMs = clock();
    const bytes = await artifacts.read(copy.digest);
    if (bytes === undefined) throw notStored(copy.digest);
    const placed = lanes.place(copy.residentBytes);
    try {
      const isWanted = (): boolean => copy.waiters.size > 0;
      copy.loadUs = await placed.lane.load(copy.key, placed.handle, ownBuffer(bytes), isWanted);
    } catch (error) {
      lanes.unplace(placed, copy.residentBytes);
      throw error;
    }
    metrics.loadSeconds.observe((clock() - startedMs) / 1_000);
    return placed;
  }

  #arrive(copy: ResidentCopy): void {
    copy.state = 'resident';
    this.#options.metrics.loads.inc();
    this.residents.add(copy);
    const waiters = [...copy.waiters];
    copy.waiters.clear();
    // Leases for all before the first is called, which may release its own at once: nobody's model goes before it ran.
    const leases = waiters.map(({ background }) => this.residents.lease(copy, background));
    for (const [index, waiter] of waiters.entries()) waiter.loaded(leases[index] as Lease);
  }

  async #evict(copy: ResidentCopy, reason: EvictionReason, displacer: Displacer | undefined): Promise<void> {
    await this.residents.evict(copy, reason, displacer);
    this.#forget(copy);
    this.#options.onFreed?.();
    this.#step();
  }

  #noRoom(): ShoalError {
    const { budgetBytes, limits, excessBytes, plans } = this.#options;
    const usedBytes = this.residents.usedBytes + plans.usedBytes;
    const count = this.residents.count + plans.count;
    const excess = excessBytes() > 0 ? `, and ${excessBytes()} bytes more by the process` : '';
    return overloaded(
      `no room to load the model within ${limits.memoryWaitMs} ms: ${usedBytes} of ${budgetBytes} budget bytes are in use by ${count} resident models and ${this.#line.underWay} loads${excess}`,
      limits.memoryWaitMs,
    );
  }

  #refuse(copy: Copy, reason: 'size' | 'memory', error: ShoalError): void {
    this.#options.metrics.loadsRefused.inc({ reason });
    this.#fail(copy, error);
  }

  #fail(copy: Copy, error: ShoalError): void {
    this.#forget(copy);
    const waiters = [...copy.waiters];
    copy.waiters.clear();
    for (const waiter of waiters) waiter.failed(error);
  }

  #forget(copy: Copy): void {
    this.#line.delete(copy);
    if (this.#copies.get(copy.key) !== copy) return;
    this.#copies.delete(copy.key);
    this.residents.versions.delete(copy.key);
  }
}
