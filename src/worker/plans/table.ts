import { randomInt } from 'node:crypto';
import type { ModelKey } from '../../wire/model-key.ts';
import type { Entries } from './compaction.ts';
import { type Fields, HAS_RUN, newFields, NO_BYTES, PLAN_BYTES, TIME_UNIT_MS } from './fields.ts';
import { modelHash } from './key-hash.ts';
import { KeyIndex } from './key-index.ts';
import { ENTRY_HEAD_BYTES, PlanSlabs, type SlabsOptions } from './slabs.ts';
import { align8 } from '../../wire/tensor-section.ts';

const FIRST_CAPACITY = 64;

/** Where a plan's blob is. */
export interface PlanPlace {
  readonly chunk: ReturnType<PlanSlabs['chunkOf']>;
  /** In the chunk's buffer. */
  readonly base: number;
}

/**
 * The resident plans by handle and by key. A key is kept as bytes beside its blob and nowhere else; it is found by
 * the hash of its tenant and model, so that all versions of a model are found together.
 */
export class PlanTable implements Entries {
  readonly slabs: PlanSlabs;
  readonly #seed = randomInt(2 ** 32);
  readonly #index = new KeyIndex((handle) => this.fields.hashes[handle] as number);
  fields: Fields = newFields(FIRST_CAPACITY);
  #count = 0;
  /** Handles below it have been in use. */
  #top = 0;
  /** The last that was freed, + 1; the one before it stands in its place. */
  #freed = 0;

  constructor(options: SlabsOptions) {
    this.slabs = new PlanSlabs(options, this);
  }

  get count(): number {
    return this.#count;
  }

  /** Handles in use are below it. */
  get top(): number {
    return this.#top;
  }

  /** Beside the entries. Arrays that are larger than what is in use take no memory there. */
  get bytes(): number {
    return this.#top * PLAN_BYTES;
  }

  placeOf(handle: number): number {
    return this.isUsed(handle) ? (this.fields.places[handle] as number) : -1;
  }

  isLeased(handle: number): boolean {
    return (this.fields.leases[handle] as number) > 0;
  }

  moved(handle: number, place: number): void {
    this.fields.places[handle] = place;
  }

  isUsed(handle: number): boolean {
    return handle < this.#top && this.fields.bytes[handle] !== NO_BYTES;
  }

  /** -1: it isn't resident. */
  find(key: ModelKey): number {
    const hash = modelHash(key, this.#seed);
    const { hashes } = this.fields;
    let slot = this.#index.start(hash);
    for (let handle = this.#index.at(slot); handle >= 0; handle = this.#index.at(slot)) {
      if (hashes[handle] === hash && this.#hasKey(handle, key)) return handle;
      slot = this.#index.next(slot);
    }
    return -1;
  }

  /**
   * Lays key and blob down; -1 when there is no address space left. The key must be of one-byte characters and not be
   * here yet.
   */
  add(key: ModelKey, blob: Uint8Array, structure: number): number {
    const handle = this.#takeHandle();
    const bytes = PlanSlabs.entryBytes(key.length, blob.byteLength);
    const place = this.slabs.place(handle, bytes);
    if (place === undefined) {
      this.#freeHandle(handle);
      return -1;
    }
    const { fields } = this;
    fields.places[handle] = place;
    fields.bytes[handle] = bytes;
    fields.keyBytes[handle] = key.length;
    fields.hashes[handle] = modelHash(key, this.#seed);
    fields.structures[handle] = structure;
    const { u8 } = this.slabs.chunkOf(place).memory;
    const at = this.slabs.byteOf(place) + ENTRY_HEAD_BYTES;
    for (let index = 0; index < key.length; index++) u8[at + index] = key.charCodeAt(index);
    u8.set(blob, this.#baseOf(handle));
    this.#index.add(handle);
    this.#count++;
    return handle;
  }

  remove(handle: number): void {
    const { fields } = this;
    this.#index.delete(handle);
    this.slabs.free(fields.places[handle] as number, fields.bytes[handle] as number);
    for (const name of ['bytes', 'flags', 'leases', 'uses', 'weights'] as const) fields[name][handle] = 0;
    this.#freeHandle(handle);
    this.#count--;
  }

  locate(handle: number): PlanPlace {
    return { chunk: this.slabs.chunkOf(this.fields.places[handle] as number), base: this.#baseOf(handle) };
  }

  keyOf(handle: number): ModelKey {
    const place = this.fields.places[handle] as number;
    const at = this.slabs.byteOf(place) + ENTRY_HEAD_BYTES;
    return Buffer.from(this.slabs.chunkOf(place).buffer).toString(
      'latin1',
      at,
      at + (this.fields.keyBytes[handle] as number),
    );
  }

  /** Handles of all resident versions of `model`: tenant/model. */
  versionsOf(model: string): number[] {
    const hash = modelHash(model, this.#seed);
    const found: number[] = [];
    let slot = this.#index.start(hash);
    for (let handle = this.#index.at(slot); handle >= 0; handle = this.#index.at(slot)) {
      if (this.fields.hashes[handle] === hash && this.keyOf(handle).startsWith(`${model}/`))
        found.push(handle);
      slot = this.#index.next(slot);
    }
    return found;
  }

  hasRun(handle: number): boolean {
    return ((this.fields.flags[handle] as number) & HAS_RUN) !== 0;
  }

  noteRun(handle: number): void {
    (this.fields.flags[handle] as number) |= HAS_RUN;
  }

  loadedMs(handle: number): number {
    return (this.fields.loadedAt[handle] as number) * TIME_UNIT_MS;
  }

  lastUsedMs(handle: number): number {
    return (this.fields.lastUsedAt[handle] as number) * TIME_UNIT_MS;
  }

  /** From its end, where versions of a model differ. */
  #hasKey(handle: number, key: ModelKey): boolean {
    if (this.fields.keyBytes[handle] !== key.length) return false;
    const place = this.fields.places[handle] as number;
    const { u8 } = this.slabs.chunkOf(place).memory;
    const at = this.slabs.byteOf(place) + ENTRY_HEAD_BYTES;
    for (let index = key.length - 1; index >= 0; index--)
      if (u8[at + index] !== key.charCodeAt(index)) return false;
    return true;
  }

  #baseOf(handle: number): number {
    const place = this.fields.places[handle] as number;
    return this.slabs.byteOf(place) + align8(ENTRY_HEAD_BYTES + (this.fields.keyBytes[handle] as number));
  }

  #takeHandle(): number {
    if (this.#freed > 0) {
      const handle = this.#freed - 1;
      this.#freed = this.fields.places[handle] as number;
      return handle;
    }
    if (this.#top === this.fields.places.length) this.fields = newFields(2 * this.#top, this.fields);
    return this.#top++;
  }

  #freeHandle(handle: number): void {
    this.fields.places[handle] = this.#freed;
    this.#freed = handle + 1;
  }
}
