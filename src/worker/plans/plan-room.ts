import { ShoalError } from '../../core/errors.ts';
import type { EvictionReason } from '../../wire/control.ts';
import type { Beside, Displacer } from '../beside.ts';
import type { SessionsBeside } from '../sessions-beside.ts';
import { PLAN_BYTES } from './fields.ts';
import type { ResidentPlans } from './resident-plans.ts';

/** Moved in one go: some tens of microseconds. */
const MOVED_BYTES = 64 * 1024;
/** The share of segments that holes may have before what is left of them is moved together. */
const HOLES = 0.1;
/** Plans evicted in one go, and plans looked at for being idle. */
const EVICTED_AT_ONCE = 128;
/** What a move takes, in evictions. */
const STEPS_A_MOVE = 16;
const SWEPT_AT_ONCE = 20_000;
/** Freed for a session before it is asked again whether plans are still what is worth least. */
const GIVEN_UP_BYTES = 4 * 1024 * 1024;

export interface PlanRoomOptions {
  readonly plans: ResidentPlans;
  readonly sessions: () => SessionsBeside;
  readonly budgetBytes: number;
  readonly segmentBytes: number;
  readonly excessBytes: () => number;
  readonly clock: () => number;
  readonly idleTtlMs?: number | undefined;
  /** Freed by a run of steps: whoever waits may look again. */
  readonly onFreed: () => void;
}

/** now: it may be laid down; soon: sessions are going for it; more: there is more to do, in a later turn; full: nothing may go. */
export type Room = 'now' | 'soon' | 'more' | 'full';

/**
 * Makes room: for plans among plans and sessions, and for sessions among plans. All that takes longer than a moment
 * is done in steps, one a turn of the event loop.
 */
export class PlanRoom implements Beside {
  readonly #options: PlanRoomOptions;
  readonly #plans: ResidentPlans;
  /** For a session. */
  #owed: { untilBytes: number; reason: EvictionReason; displacer: Displacer } | undefined;
  #sweeping = false;
  #tidying = false;

  constructor(options: PlanRoomOptions) {
    this.#options = options;
    this.#plans = options.plans;
  }

  get count(): number {
    return this.#plans.count;
  }

  get usedBytes(): number {
    return this.#plans.usedBytes;
  }

  get leavingBytes(): number {
    return this.#owed === undefined ? 0 : Math.max(0, this.usedBytes - this.#owed.untilBytes);
  }

  get evictableBytes(): number {
    return this.#slabs.givesBack ? this.#plans.idleBytes : 0;
  }

  lowestScore(): number | undefined {
    if (!this.#slabs.givesBack) return undefined;
    const handle = this.#plans.victim();
    return handle < 0 ? undefined : this.#plans.scoreOf(handle);
  }

  giveUp(bytes: number, reason: EvictionReason, displacer: Displacer): boolean {
    if (this.#owed !== undefined) return true;
    const untilBytes = this.usedBytes - Math.min(bytes, GIVEN_UP_BYTES);
    this.#owed = { untilBytes, reason, displacer };
    this.#giveUpSome();
    return true;
  }

  /** Whether a plan of so many bytes fits without any other going. */
  isSpare(bytes: number): boolean {
    return this.#missingBytes(bytes) <= 0;
  }

  /** Makes room for an entry of so many bytes, whose structure is counted already. Throws UNSUPPORTED_ARTIFACT when there never will be. */
  make(bytes: number, displacer: Displacer, structureBytes: number): Room {
    const { budgetBytes, segmentBytes, sessions } = this.#options;
    if (bytes + structureBytes > budgetBytes - 3 * segmentBytes)
      throw new ShoalError(
        'UNSUPPORTED_ARTIFACT',
        `the model's plan needs ${bytes} bytes and ${structureBytes} for its structure, the worker's whole budget is ${budgetBytes} bytes`,
      );
    for (let step = 0; step < EVICTED_AT_ONCE; step++) {
      let missingBytes = this.#missingBytes(bytes);
      if (missingBytes <= 0) return 'now';
      if (!this.#slabs.isShared(bytes)) this.#slabs.trim();
      this.#plans.structures.trim();
      missingBytes = this.#missingBytes(bytes);
      if (missingBytes <= 0) return 'now';
      if (this.#hasHoles() && this.#slabs.compact(MOVED_BYTES)) {
        step += STEPS_A_MOVE;
        continue;
      }
      if (missingBytes <= sessions().leavingBytes) return 'soon';
      if (!this.#evictLowest(missingBytes, displacer)) return sessions().leavingBytes > 0 ? 'soon' : 'full';
    }
    return 'more';
  }

  /** Releases what nobody has asked for for too long, some of it in this turn. */
  sweepIdle(): void {
    if (this.#sweeping || this.#options.idleTtlMs === undefined) return;
    this.#sweeping = true;
    this.#sweep(0);
  }

  get #slabs(): ResidentPlans['table']['slabs'] {
    return this.#plans.table.slabs;
  }

  #missingBytes(bytes: number): number {
    const { sessions, budgetBytes, excessBytes } = this.#options;
    const wantedBytes = this.#owed?.displacer.residentBytes ?? 0;
    const usedBytes = this.usedBytes + sessions().usedBytes + excessBytes() + wantedBytes;
    return usedBytes + this.#slabs.growthOf(bytes) + PLAN_BYTES - budgetBytes;
  }

  #hasHoles(): boolean {
    const { heldBytes, liveBytes } = this.#slabs;
    return heldBytes - liveBytes > HOLES * heldBytes + 2 * this.#options.segmentBytes;
  }

  /** A plan, or a session that is worth less. */
  #evictLowest(missingBytes: number, displacer: Displacer): boolean {
    const sessions = this.#options.sessions();
    const handle = this.#plans.victim();
    const planScore = handle < 0 ? Number.POSITIVE_INFINITY : this.#plans.scoreOf(handle);
    const sessionScore = sessions.lowestScore() ?? Number.POSITIVE_INFINITY;
    const reason =
      this.usedBytes + sessions.usedBytes + displacer.residentBytes > this.#options.budgetBytes
        ? 'room'
        : 'excess';
    if (sessionScore < planScore) return sessions.giveUp(missingBytes, reason, displacer);
    if (handle < 0) return false;
    this.#plans.evict(handle, reason, displacer);
    return true;
  }

  #giveUpSome(): void {
    if (this.#owed === undefined) return;
    const { untilBytes, reason, displacer } = this.#owed;
    const hasMoved = this.#hasHoles() && this.#slabs.compact(MOVED_BYTES);
    this.#slabs.trim();
    this.#plans.structures.trim();
    let isOver = this.usedBytes <= untilBytes;
    const mostEvictions = hasMoved ? 0 : EVICTED_AT_ONCE;
    for (let step = 0; step < mostEvictions && !isOver; step++) {
      const handle = this.#plans.victim();
      if (handle >= 0) this.#plans.evict(handle, reason, displacer);
      isOver = handle < 0 || this.usedBytes <= untilBytes;
    }
    setImmediate(() => {
      if (!isOver) return this.#giveUpSome();
      this.#owed = undefined;
      this.#options.sessions().freed();
    });
  }

  #sweep(from: number): void {
    const { clock, idleTtlMs = Number.POSITIVE_INFINITY } = this.#options;
    const { table } = this.#plans;
    const nowMs = clock();
    const to = Math.min(from + SWEPT_AT_ONCE, table.top);
    let next = from;
    for (let evicted = 0; next < to && evicted < EVICTED_AT_ONCE; next++) {
      if (!table.isUsed(next) || table.lastUsedMs(next) + idleTtlMs > nowMs || !this.#plans.mayGo(next))
        continue;
      this.#plans.evict(next, 'idle', undefined);
      evicted++;
    }
    if (next < table.top) setImmediate(() => this.#sweep(next));
    else {
      this.#sweeping = false;
      this.#tidy();
    }
  }

  /** Gives back what evictions left, a bit a turn. */
  #tidy(): void {
    if (this.#tidying) return;
    this.#tidying = true;
    const step = (): void => {
      if (this.#hasHoles() && this.#slabs.compact(MOVED_BYTES)) {
        setImmediate(step);
        return;
      }
      this.#tidying = false;
      this.#slabs.trim();
      this.#options.onFreed();
      this.#options.sessions().freed();
    };
    step();
  }
}
