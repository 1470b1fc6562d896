import { randomInt } from 'node:crypto';
import type { UseClock } from '../../core/use-clock.ts';
import type { EvictionReason } from '../../wire/control.ts';
import type { ModelKey } from '../../wire/model-key.ts';
import type { Displacer } from '../beside.ts';
import type { Life } from '../copy.ts';
import type { History } from '../history.ts';
import type { PlanLives } from '../model-history.ts';
import type { Pins } from '../pins.ts';
import { PlanFame } from './fame.ts';
import { MAY_BE_PINNED, PLAN_BYTES, TIME_UNIT_MS } from './fields.ts';
import { versionHash } from './key-hash.ts';
import type { ReadPlan } from './plan-source.ts';
import type { SlabsOptions } from './slabs.ts';
import { Structures } from './structures.ts';
import { PlanTable } from './table.ts';

/** What a cold request of a plan costs beside its load (compare MISS_US in core/eviction-order). */
const PLAN_MISS_US = 20;
/** A load takes so long for each byte and each of so many bytes more, before any was seen; later as they did lately. */
const FIRST_US_A_BYTE = 0.005;
const BYTES_MORE = 4_096;
const RATE_SHARE = 0.05;
/** What took longer than so many times that met a pause, or a structure's first plan: the next load will not. */
const DEAREST = 3;
/** Plans looked at for the one least worth keeping, and handles tried for them. */
const SAMPLES = 16;
const TRIES = 8 * SAMPLES;

export interface ResidentPlansOptions extends SlabsOptions {
  readonly useClock: UseClock;
  readonly clock: () => number;
  readonly pins: () => Pins;
  readonly history: () => History;
  /** For the log and the metrics. */
  readonly onEvicted: (key: ModelKey, reason: EvictionReason, displacer: ModelKey | undefined) => void;
}

/**
 * The plans in memory: what each is worth, and which go. By handle: no object stays for a resident plan. What is
 * evicted is chosen among a sample, which needs no order to be kept up by every request.
 */
export class ResidentPlans implements PlanLives {
  readonly table: PlanTable;
  readonly structures = new Structures();
  readonly #options: ResidentPlansOptions;
  readonly #fame = new PlanFame();
  readonly #fameSeed = randomInt(2 ** 32);
  /** xorshift32 */
  #random = randomInt(1, 2 ** 32) | 0;
  #leasedBytes = 0;
  #loadUsAByte = FIRST_US_A_BYTE;

  constructor(options: ResidentPlansOptions) {
    this.#options = options;
    this.table = new PlanTable(options);
    options.useClock.onScale((by) => this.#scaleDown(by));
  }

  get count(): number {
    return this.table.count;
  }

  /** All that counts against the budget. */
  get usedBytes(): number {
    return this.table.slabs.heldBytes + this.structures.bytes + this.table.bytes;
  }

  /** Of the entries that no run in another thread needs. */
  get idleBytes(): number {
    return this.table.slabs.liveBytes - this.#leasedBytes;
  }

  /** -1: it isn't resident. */
  find(key: ModelKey): number {
    return this.table.find(key);
  }

  /** There must be room, and the structure be in use. -1 when there is no address space left. */
  add(key: ModelKey, { blob, structure }: ReadPlan, loadUs: number): number {
    const handle = this.table.add(key, blob, structure.id);
    if (handle < 0) return -1;
    const { useClock, history, pins, clock } = this.#options;
    const { fields } = this.table;
    const remembered = this.#fame.recall(versionHash(key, this.#fameSeed));
    fields.weights[handle] = remembered === 0 ? useClock.increment : remembered;
    if (pins().pinnedUntilMs(key, clock()) !== undefined) this.pinned(handle);
    fields.loadUs[handle] = loadUs;
    const seenUs = this.#costUs(handle) / (this.bytesOf(handle) + BYTES_MORE);
    this.#loadUsAByte += RATE_SHARE * (seenUs - this.#loadUsAByte);
    const now = this.#now();
    fields.loadedAt[handle] = now;
    fields.lastUsedAt[handle] = now;
    useClock.count(1);
    history().returned(key);
    return handle;
  }

  /** A request asked for it. */
  use(handle: number, nowMs: number): void {
    const { fields } = this.table;
    const { useClock } = this.#options;
    (fields.weights[handle] as number) += useClock.increment;
    (fields.uses[handle] as number)++;
    fields.lastUsedAt[handle] = nowMs / TIME_UNIT_MS;
    useClock.tick();
  }

  /** It stays, and stays where it is, until `unlease`. */
  lease(handle: number): void {
    const { fields } = this.table;
    if (fields.leases[handle] === 0) this.#leasedBytes += fields.bytes[handle] as number;
    (fields.leases[handle] as number)++;
  }

  unlease(handle: number): void {
    const { fields } = this.table;
    (fields.leases[handle] as number)--;
    if (fields.leases[handle] === 0) this.#leasedBytes -= fields.bytes[handle] as number;
  }

  /** `Pins` has it: it is asked before this one goes. */
  pinned(handle: number): void {
    (this.table.fields.flags[handle] as number) |= MAY_BE_PINNED;
  }

  evict(handle: number, reason: EvictionReason, displacer: Displacer | undefined): void {
    const { clock, history, onEvicted, useClock } = this.#options;
    const { fields } = this.table;
    const key = this.table.keyOf(handle);
    history().left(key, this.lifeOf(handle), reason, displacer, clock());
    onEvicted(key, reason, displacer?.key);
    this.#fame.remember(versionHash(key, this.#fameSeed), fields.weights[handle] as number, this.table.count);
    const structure = fields.structures[handle] as number;
    this.table.remove(handle);
    this.structures.unuse(structure);
    useClock.count(-1);
  }

  /** Microseconds that a byte of it saves, uses weighed as the clock has it. */
  scoreOf(handle: number): number {
    const weight = this.table.fields.weights[handle] as number;
    return (weight * (PLAN_MISS_US + this.#costUs(handle))) / this.bytesOf(handle);
  }

  /** Its entry, and what else is kept for it. */
  bytesOf(handle: number): number {
    return (this.table.fields.bytes[handle] as number) + PLAN_BYTES;
  }

  /** Among a few of those that may go, the one least worth keeping; -1: none was found. */
  victim(): number {
    const { top } = this.table;
    if (this.idleBytes === 0) return -1;
    let best = -1;
    let lowest = Number.POSITIVE_INFINITY;
    let found = 0;
    for (let tries = 0; tries < TRIES && found < SAMPLES; tries++) {
      const handle = this.#draw(top);
      if (!this.mayGo(handle)) continue;
      found++;
      const score = this.scoreOf(handle);
      if (score < lowest) {
        best = handle;
        lowest = score;
      }
    }
    return best < 0 ? this.#walk(this.#draw(top)) : best;
  }

  mayGo(handle: number): boolean {
    const { table } = this;
    if (!table.isUsed(handle) || table.isLeased(handle)) return false;
    const flags = table.fields.flags[handle] as number;
    if ((flags & MAY_BE_PINNED) === 0) return true;
    if (this.#options.pins().pinnedUntilMs(table.keyOf(handle), this.#options.clock()) !== undefined)
      return false;
    table.fields.flags[handle] = flags & ~MAY_BE_PINNED;
    return true;
  }

  livesOf(model: string): Map<ModelKey, Life> {
    return new Map(
      this.table.versionsOf(model).map((handle) => [this.table.keyOf(handle), this.lifeOf(handle)]),
    );
  }

  lifeOf(handle: number): Life {
    const { table } = this;
    return {
      state: 'resident',
      residentBytes: this.bytesOf(handle),
      loadUs: table.fields.loadUs[handle] as number,
      loadedMs: table.loadedMs(handle),
      lastUsedMs: table.lastUsedMs(handle),
      uses: table.fields.uses[handle] as number,
    };
  }

  /** Of its next load. */
  #costUs(handle: number): number {
    const dearestUs = DEAREST * this.#loadUsAByte * (this.bytesOf(handle) + BYTES_MORE);
    return Math.min(this.table.fields.loadUs[handle] as number, dearestUs);
  }

  /** When none of a sample may go: few are left among many handles, or most are leased or pinned. */
  #walk(from: number): number {
    const { top } = this.table;
    for (let step = 0; step < top; step++) {
      const handle = (from + step) % top;
      if (this.mayGo(handle)) return handle;
    }
    return -1;
  }

  #draw(below: number): number {
    this.#random ^= this.#random << 13;
    this.#random ^= this.#random >>> 17;
    this.#random ^= this.#random << 5;
    return (this.#random >>> 0) % below;
  }

  #now(): number {
    return this.#options.clock() / TIME_UNIT_MS;
  }

  #scaleDown(by: number): void {
    const { weights } = this.table.fields;
    for (let handle = 0; handle < this.table.top; handle++) (weights[handle] as number) /= by;
    this.#fame.scaleDown(by);
  }
}
