import { EvictionOrder } from '../core/eviction-order.ts';
import { decideLoad, type ResidencyAction } from '../core/residency-policy.ts';
import type { EvictionReason } from '../wire/control.ts';
import type { ModelKey } from '../wire/model-key.ts';
import type { Copy, ResidentCopy } from './copy.ts';
import { History } from './history.ts';
import { IdleSweep } from './idle-sweep.ts';
import type { LanePlacement, Placed } from './lanes.ts';
import type { Lease } from './lease.ts';
import type { WorkerMetrics } from './metrics.ts';
import { Pins } from './pins.ts';
import { VersionIndex } from './version-index.ts';

export interface ResidentsOptions {
  readonly budgetBytes: number;
  readonly limits: { readonly pinnedPercent: number; readonly historyVersions: number };
  readonly lanes: LanePlacement;
  readonly metrics: WorkerMetrics;
  readonly clock: () => number;
  /** A resident model that nobody asked for since is released; undefined: only when its room is needed. */
  readonly idleTtlMs?: number | undefined;
  /** What the process takes beyond what its models are counted for. */
  readonly excessBytes: () => number;
  /** For the log: here the model that needed the room is named. */
  readonly onEvicted: (key: ModelKey, reason: EvictionReason, displacer: ModelKey | undefined) => void;
}

export interface RoomDecision {
  readonly decision: ResidencyAction;
  /** What the model is, or would be, made room from. */
  readonly reason: EvictionReason;
}

/** The resident models and the worker's bytes: who holds leases, what may go and what goes next. */
export class Residents {
  readonly pins: Pins;
  readonly history: History;
  /** Of the copies and of the history. */
  readonly versions = new VersionIndex();
  readonly #options: ResidentsOptions;
  /** All that are resident, leased or not. */
  readonly #order = new EvictionOrder<ResidentCopy>();
  readonly #sweep: IdleSweep<ResidentCopy> | undefined;
  #count = 0;
  #usedBytes = 0;
  /** By the lane that releases them. */
  readonly #leavingBytes = new Map<Placed['lane'], number>();
  /** Of those without a lease. */
  #idleBytes = 0;

  constructor(options: ResidentsOptions) {
    const { budgetBytes, limits, metrics, idleTtlMs } = options;
    this.#options = options;
    this.#sweep = idleTtlMs === undefined ? undefined : new IdleSweep(idleTtlMs);
    this.pins = new Pins((budgetBytes * limits.pinnedPercent) / 100);
    this.history = new History(limits.historyVersions, this.versions);
    metrics.budgetBytes.set(budgetBytes);
  }

  get count(): number {
    return this.#count;
  }

  /** Everything that counts against the budget: loading, resident and leaving. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** What a load takes, or gives back (negative). */
  reserve(bytes: number): void {
    this.#usedBytes += bytes;
    this.#options.metrics.residentBytes.set(this.#usedBytes);
  }

  /** It has been loaded; its bytes were reserved before. */
  add(copy: ResidentCopy): void {
    copy.loadedMs = this.#options.clock();
    copy.lastUsedMs = copy.loadedMs;
    this.#changeCount(1);
    this.#idleBytes += copy.residentBytes;
    this.#order.add(copy);
    this.#sweep?.watch(copy, this.#idleAtMs(copy));
  }

  /** A request asked for it, resident or not. */
  use(key: ModelKey): void {
    this.#order.use(key);
  }

  lease(copy: ResidentCopy, background: boolean): Lease {
    if (copy.leases === 0) this.#idleBytes -= copy.residentBytes;
    copy.leases++;
    if (background) return copy;
    copy.uses++;
    copy.lastUsedMs = this.#options.clock();
    return copy;
  }

  release(lease: Lease): void {
    const copy = lease as ResidentCopy;
    copy.leases--;
    if (copy.leases === 0) this.#idleBytes += copy.residentBytes;
  }

  hasRoom(residentBytes: number): boolean {
    const { budgetBytes, excessBytes } = this.#options;
    return this.#usedBytes + excessBytes() + residentBytes <= budgetBytes;
  }

  get isAnyLeaving(): boolean {
    return this.#leavingBytes.size > 0;
  }

  /** What to do for a load at the head of the line. */
  decide(residentBytes: number): RoomDecision {
    const { budgetBytes, excessBytes, clock } = this.#options;
    const usedBytes = this.#usedBytes + excessBytes();
    const leavingBytes = this.#soonFreeBytes();
    const missingBytes = usedBytes + residentBytes - leavingBytes - budgetBytes;
    const decision = decideLoad({
      budgetBytes,
      neededBytes: residentBytes,
      usedBytes,
      leavingBytes,
      // When all are leased there is no need to look at each of them time and again.
      idle: missingBytes > this.#idleBytes ? [] : this.#evictable(clock()),
    });
    return { decision, reason: this.#usedBytes + residentBytes > budgetBytes ? 'room' : 'excess' };
  }

  /** Resolves when its bytes are free. */
  async evict(copy: ResidentCopy, reason: EvictionReason, displacer: Copy | undefined): Promise<void> {
    const { lanes, metrics, clock, onEvicted } = this.#options;
    metrics.evictions.inc({ reason });
    this.history.left(copy, reason, displacer, clock());
    onEvicted(copy.key, reason, displacer?.key);
    this.#order.delete(copy);
    this.#sweep?.forget(copy);
    copy.state = 'leaving';
    this.#changeCount(-1);
    this.#idleBytes -= copy.residentBytes;
    this.#changeLeaving(copy.placed.lane, copy.residentBytes);
    await copy.placed.lane.release(copy.placed.handle);
    lanes.unplace(copy.placed, copy.residentBytes);
    this.#changeLeaving(copy.placed.lane, -copy.residentBytes);
    this.reserve(-copy.residentBytes);
  }

  /** How often `takeIdle` is to be called; undefined: never. */
  get sweepMs(): number | undefined {
    return this.#sweep?.stepMs;
  }

  /** Those that nobody has asked for for too long. */
  takeIdle(): ResidentCopy[] {
    const nowMs = this.#options.clock();
    return (this.#sweep?.take(nowMs) ?? []).filter((copy) => {
      const dueMs = Math.max(this.#idleAtMs(copy), this.pins.pinnedUntilMs(copy.key, nowMs) ?? 0);
      if (dueMs <= nowMs && copy.leases === 0 && !copy.placed.lane.isHeld) return true;
      this.#sweep?.watch(copy, Math.max(dueMs, nowMs + 1));
      return false;
    });
  }

  #idleAtMs(copy: Copy): number {
    return copy.lastUsedMs + (this.#options.idleTtlMs ?? Number.POSITIVE_INFINITY);
  }

  /** Least worth keeping first. A lane that is held releases nothing until it is let go, which may take long. */
  *#evictable(nowMs: number): Generator<ResidentCopy> {
    for (const copy of this.#order.candidates()) {
      if (copy.leases > 0 || copy.placed.lane.isHeld) continue;
      if (this.pins.pinnedUntilMs(copy.key, nowMs) === undefined) yield copy;
    }
  }

  /** What leaves lanes that aren't held. */
  #soonFreeBytes(): number {
    let sumBytes = 0;
    for (const [lane, bytes] of this.#leavingBytes) if (!lane.isHeld) sumBytes += bytes;
    return sumBytes;
  }

  #changeLeaving(lane: Placed['lane'], byBytes: number): void {
    const bytes = (this.#leavingBytes.get(lane) ?? 0) + byBytes;
    if (bytes === 0) this.#leavingBytes.delete(lane);
    else this.#leavingBytes.set(lane, bytes);
  }

  #changeCount(by: 1 | -1): void {
    this.#count += by;
    this.#options.metrics.residentModels.set(this.#count);
  }
}
