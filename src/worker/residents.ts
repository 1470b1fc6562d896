import { EvictionOrder } from '../core/eviction-order.ts';
import type { UseClock } from '../core/use-clock.ts';
import { decideLoad, type IdleModel, type ResidencyAction } from '../core/residency-policy.ts';
import type { EvictionReason } from '../wire/control.ts';
import type { ModelKey } from '../wire/model-key.ts';
import type { Beside, Displacer } from './beside.ts';
import type { ResidentCopy } from './copy.ts';
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
  readonly plans: Beside;
  readonly useClock: UseClock;
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
  /** What of it plans are to free. */
  readonly planBytes: number;
}

/** Stands for plans among the keys to evict. */
export const PLANS = 'plans';

/** The resident models and the worker's bytes: who holds leases, what may go and what goes next. */
export class Residents {
  readonly pins: Pins;
  readonly history: History;
  /** Of the copies and of the history. */
  readonly versions = new VersionIndex();
  readonly #options: ResidentsOptions;
  /** All that are resident, leased or not. */
  readonly #order: EvictionOrder<ResidentCopy>;
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
    this.#order = new EvictionOrder(options.useClock);
    this.#sweep = idleTtlMs === undefined ? undefined : new IdleSweep(idleTtlMs);
    this.pins = new Pins((budgetBytes * limits.pinnedPercent) / 100);
    this.history = new History(limits.historyVersions, this.versions);
    metrics.budgetBytes.set(budgetBytes);
  }

  get count(): number {
    return this.#count;
  }

  /** Everything of sessions that counts against the budget: loading, resident and leaving. */
  get usedBytes(): number {
    return this.#usedBytes;
  }

  /** What a load takes, or gives back (negative). */
  reserve(bytes: number): void {
    this.#usedBytes += bytes;
  }

  /** It has been loaded; its bytes were reserved before. */
  add(copy: ResidentCopy): void {
    copy.loadedMs = this.#options.clock();
    copy.lastUsedMs = copy.loadedMs;
    this.#count++;
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
    return this.#besideBytes + this.#usedBytes + residentBytes <= this.#options.budgetBytes;
  }

  get isAnyLeaving(): boolean {
    return this.#leavingBytes.size > 0 || this.#options.plans.leavingBytes > 0;
  }

  /** What leaves lanes that aren't held. */
  get soonFreeBytes(): number {
    let sumBytes = 0;
    for (const [lane, bytes] of this.#leavingBytes) if (!lane.isHeld) sumBytes += bytes;
    return sumBytes;
  }

  /** Of those without a lease. */
  get idleBytes(): number {
    return this.#idleBytes;
  }

  /** What would go first, and its score. */
  lowest(): { copy: ResidentCopy; score: number } | undefined {
    for (const copy of this.#evictable(this.#options.clock()))
      return { copy, score: this.#order.scoreOf(copy) };
    return undefined;
  }

  /** What to do for a load at the head of the line. */
  decide(residentBytes: number): RoomDecision {
    const { budgetBytes, plans } = this.#options;
    const usedBytes = this.#usedBytes + this.#besideBytes;
    const leavingBytes = this.soonFreeBytes + plans.leavingBytes;
    const among: { planBytes: number } = { planBytes: 0 };
    const missingBytes = usedBytes + residentBytes - leavingBytes - budgetBytes;
    const decision = decideLoad({
      budgetBytes,
      neededBytes: residentBytes,
      usedBytes,
      leavingBytes,
      // When all are leased there is no need to look at each of them time and again.
      idle: missingBytes > this.#idleBytes + plans.evictableBytes ? [] : this.#mayGo(missingBytes, among),
    });
    const countedBytes = this.#usedBytes + plans.usedBytes + residentBytes;
    return { decision, reason: countedBytes > budgetBytes ? 'room' : 'excess', ...among };
  }

  /** Resolves when its bytes are free. */
  async evict(copy: ResidentCopy, reason: EvictionReason, displacer: Displacer | undefined): Promise<void> {
    const { lanes, metrics, clock, onEvicted } = this.#options;
    metrics.evictions.inc({ reason });
    this.history.left(copy.key, copy, reason, displacer, clock());
    onEvicted(copy.key, reason, displacer?.key);
    this.#order.delete(copy);
    this.#sweep?.forget(copy);
    copy.state = 'leaving';
    this.#count--;
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

  #idleAtMs(copy: ResidentCopy): number {
    return copy.lastUsedMs + (this.#options.idleTtlMs ?? Number.POSITIVE_INFINITY);
  }

  /** Least worth keeping first. A lane that is held releases nothing until it is let go, which may take long. */
  *#evictable(nowMs: number): Generator<ResidentCopy> {
    for (const copy of this.#order.candidates()) {
      if (copy.leases > 0 || copy.placed.lane.isHeld) continue;
      if (this.pins.pinnedUntilMs(copy.key, nowMs) === undefined) yield copy;
    }
  }

  /** Sessions worth less than any plan that may go; then plans for what is still missing. */
  *#mayGo(missingBytes: number, among: { planBytes: number }): Generator<IdleModel> {
    const { plans, clock } = this.#options;
    const planScore = plans.lowestScore() ?? Number.POSITIVE_INFINITY;
    let leftBytes = missingBytes;
    for (const copy of this.#evictable(clock())) {
      if (planScore < this.#order.scoreOf(copy)) break;
      leftBytes -= copy.residentBytes;
      yield copy;
    }
    if (planScore === Number.POSITIVE_INFINITY) return;
    among.planBytes = leftBytes;
    yield { key: PLANS, residentBytes: leftBytes };
  }

  /** What isn't free for sessions, their own apart. */
  get #besideBytes(): number {
    const { plans, excessBytes } = this.#options;
    return plans.usedBytes + excessBytes();
  }

  #changeLeaving(lane: Placed['lane'], byBytes: number): void {
    const bytes = (this.#leavingBytes.get(lane) ?? 0) + byBytes;
    if (bytes === 0) this.#leavingBytes.delete(lane);
    else this.#leavingBytes.set(lane, bytes);
  }
}
