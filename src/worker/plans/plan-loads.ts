import { ShoalError } from '../../core/errors.ts';
import type { Digest } from '../../core/ids.ts';
import type { PlanReader } from '../../stores/plans/plans.ts';
import { type ModelKey, parseModelKey } from '../../wire/model-key.ts';
import { noStructure } from '../load-errors.ts';
import type { WorkerMetrics } from '../metrics.ts';
import type { PlanRoom, Room } from './plan-room.ts';
import { readPlan } from './plan-source.ts';
import type { ResidentPlans } from './resident-plans.ts';
import { PlanSlabs } from './slabs.ts';

/** Keys are kept as one byte a character, and their length in 16 bits. */
const MAX_KEY_BYTES = 0xffff;
/** Plans that wait for memory whose size is remembered; others are read to learn it. */
const MAX_KNOWN_SIZES = 1_024;

export interface PlanLoadsOptions {
  /** What is on this machine. */
  readonly reader: PlanReader;
  /** Absent: there is no other place for plans and artifacts than this machine. */
  readonly elsewhere?: { hasArtifact(digest: Digest): boolean } | undefined;
  readonly plans: ResidentPlans;
  readonly room: PlanRoom;
  readonly metrics: WorkerMetrics;
  readonly clock: () => number;
}

/** A handle; or why there is none now; absent: there is no such plan; elsewhere: it has to be fetched to know. */
export type Loaded = number | Exclude<Room, 'now'> | 'absent' | 'elsewhere' | 'no-spare';

/** Loads of plans: a read, a check and a copy, at once. */
export class PlanLoads {
  readonly #options: PlanLoadsOptions;
  /** Of the entries of plans that found no room: they are read again when there is. */
  readonly #knownBytes = new Map<ModelKey, number>();

  constructor(options: PlanLoadsOptions) {
    this.#options = options;
  }

  /** `background`: into memory that nothing else takes. Throws ShoalError. */
  load(key: ModelKey, background: boolean): Loaded {
    const { metrics, clock } = this.#options;
    const startedMs = clock();
    const digest = parseModelKey(key)?.digest;
    if (digest === undefined || key.length > MAX_KEY_BYTES || !/^[!-~]+$/.test(key)) return 'absent';
    try {
      const loaded = this.#load(key, digest, background, startedMs);
      if (typeof loaded === 'number') {
        metrics.loads.inc();
        metrics.planLoadSeconds.observe((clock() - startedMs) / 1_000);
      }
      return loaded;
    } catch (error) {
      metrics.loadFailures.inc();
      throw error;
    }
  }

  #load(key: ModelKey, digest: Digest, background: boolean, startedMs: number): Loaded {
    const { reader, elsewhere, plans, clock } = this.#options;
    const { structures } = plans;
    const knownBytes = this.#knownBytes.get(key);
    const early = knownBytes === undefined ? 'now' : this.#makeRoom(key, knownBytes, background, 0);
    if (early !== 'now') return early;
    this.#knownBytes.delete(key);
    const read = readPlan(reader, structures, digest);
    if (read === undefined) return elsewhere?.hasArtifact(digest) === false ? 'elsewhere' : 'absent';
    if (read === 'no-structure') {
      if (elsewhere !== undefined) return 'elsewhere';
      throw noStructure(digest);
    }
    const { id } = read.structure;
    structures.use(read.structure);
    const loadUs = (clock() - startedMs) * 1_000;
    let handle = -1;
    try {
      const bytes = PlanSlabs.entryBytes(key.length, read.blob.byteLength);
      const found = this.#makeRoom(key, bytes, background, read.structure.bytes);
      if (found !== 'now') {
        this.#knownBytes.set(key, bytes);
        const [oldest] = this.#knownBytes.keys();
        if (this.#knownBytes.size > MAX_KNOWN_SIZES) this.#knownBytes.delete(oldest as ModelKey);
        return found;
      }
      handle = plans.add(key, read, loadUs);
      if (handle >= 0) return handle;
      throw new ShoalError('OVERLOADED', 'no address space is left for plans');
    } finally {
      if (handle < 0) structures.unuse(id);
    }
  }

  #makeRoom(key: ModelKey, bytes: number, background: boolean, structureBytes: number): Room | 'no-spare' {
    const { room } = this.#options;
    if (background && !room.isSpare(bytes)) return 'no-spare';
    return room.make(bytes, { key, residentBytes: bytes }, structureBytes);
  }
}
