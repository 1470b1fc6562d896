import { align8 } from '../../wire/tensor-section.ts';
import { Compaction, type Entries } from './compaction.ts';
import { type Chunk, CHUNK_BYTES, PAGE_BYTES, type PageRun, Pages, type PagesOptions } from './pages.ts';

/** Entries up to so much of a segment share segments; larger ones have pages of their own. */
const SHARED_PART = 1 / 8;
/** Segments that are empty and kept: the next is filled without the system's help. */
const SPARE_SEGMENTS = 4;

/** Before an entry: u32 bytes in all | u32 handle. Then the key, the blob on a multiple of 8. */
export const ENTRY_HEAD_BYTES = 8;

/** Places fit 32 bits: they are counted in units of 8 bytes through all chunks. */
const UNIT_SHIFT = 3;

export interface SlabsOptions extends PagesOptions {
  readonly segmentBytes: number;
}

/** Small entries, one after the other. What goes leaves a hole until the rest has moved elsewhere. */
export interface Segment {
  readonly run: PageRun;
  /** Its place in the list of segments. */
  index: number;
  usedBytes: number;
  liveBytes: number;
}

/**
 * Entries of one key and one blob each, in shared memory. Small ones are laid into segments one after the other;
 * what is left of sparse segments is moved together (compaction.ts), so that empty ones go back to the system.
 */
export class PlanSlabs {
  readonly #pages: Pages;
  readonly #segmentBytes: number;
  readonly #unitsPerChunk: number;
  /** By the chunk's number and the segment's in it. */
  readonly #segmentAt = new Map<number, Segment>();
  readonly #segments: Segment[] = [];
  readonly #spare: PageRun[] = [];
  readonly #compaction: Compaction;
  #current: Segment | undefined;
  #liveBytes = 0;

  constructor(options: SlabsOptions, entries: Entries) {
    const { segmentBytes, chunkBytes = CHUNK_BYTES } = options;
    this.#pages = new Pages({ ...options, chunkBytes });
    this.#segmentBytes = segmentBytes;
    this.#unitsPerChunk = chunkBytes >>> UNIT_SHIFT;
    this.#compaction = new Compaction(this, entries);
  }

  static entryBytes(keyBytes: number, blobBytes: number): number {
    return align8(ENTRY_HEAD_BYTES + keyBytes) + align8(blobBytes);
  }

  /** What is taken from the system. */
  get heldBytes(): number {
    return this.#pages.heldBytes;
  }

  /** Of the entries. */
  get liveBytes(): number {
    return this.#liveBytes;
  }

  get givesBack(): boolean {
    return this.#pages.givesBack;
  }

  get segments(): readonly Segment[] {
    return this.#segments;
  }

  get current(): Segment | undefined {
    return this.#current;
  }

  get movedBytes(): number {
    return this.#compaction.movedBytes;
  }

  get compacted(): number {
    return this.#compaction.compacted;
  }

  isShared(bytes: number): boolean {
    return bytes <= this.#segmentBytes * SHARED_PART;
  }

  /** What is held at most more after `place`. One empty segment is always left to move entries to. */
  growthOf(bytes: number): number {
    if (!this.isShared(bytes)) {
      const pageBytes = Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
      return this.#pages.canReuse(pageBytes, PAGE_BYTES) ? 0 : pageBytes;
    }
    const spare = this.#spare.length - (this.#fits(bytes) ? 0 : 1);
    return Math.max(0, 1 - spare) * this.#segmentBytes;
  }

  /** The place of a fresh entry of so many bytes, as `entryBytes` says; undefined: no address space is left. */
  place(handle: number, bytes: number): number | undefined {
    const place = this.isShared(bytes) ? this.#placeShared(bytes, true) : this.#placeAlone(bytes);
    if (place === undefined) return undefined;
    this.#liveBytes += bytes;
    this.writeHead(place, bytes, handle);
    return place;
  }

  /** Where a moved entry goes; its bytes count as live there. Nothing more is held for it: undefined when there is no room. */
  placeMoved(bytes: number): number | undefined {
    return this.#fits(bytes) || this.#spare.length > 0 ? this.#placeShared(bytes, false) : undefined;
  }

  free(place: number, bytes: number): void {
    this.#liveBytes -= bytes;
    if (!this.isShared(bytes)) {
      const chunk = this.chunkOf(place);
      const pageBytes = Math.ceil(bytes / PAGE_BYTES) * PAGE_BYTES;
      this.#pages.free({ chunk, at: this.byteOf(place), bytes: pageBytes });
      return;
    }
    const segment = this.segmentOf(place);
    segment.liveBytes -= bytes;
    if (segment.liveBytes > 0) return;
    if (segment === this.#current) segment.usedBytes = 0;
    else this.drop(segment);
  }

  chunkOf(place: number): Chunk {
    return this.#pages.chunk(Math.floor(place / this.#unitsPerChunk));
  }

  /** In its chunk's buffer. */
  byteOf(place: number): number {
    return (place % this.#unitsPerChunk) << UNIT_SHIFT;
  }

  segmentOf(place: number): Segment {
    return this.#segmentAt.get(this.#numberOf(place)) as Segment;
  }

  /** Where a byte of a chunk's buffer is. */
  placeOf(chunk: Chunk, at: number): number {
    return chunk.number * this.#unitsPerChunk + (at >>> UNIT_SHIFT);
  }

  writeHead(place: number, bytes: number, handle: number): void {
    const { i32 } = this.chunkOf(place).memory;
    const at = this.byteOf(place) >> 2;
    i32[at] = bytes;
    i32[at + 1] = handle;
  }

  /** Moves about so many bytes of the sparsest segments together; false: there was nothing to gain. */
  compact(maxBytes: number): boolean {
    return this.#compaction.step(maxBytes);
  }

  /** An empty segment goes to the spare ones, or back to the system. */
  drop(segment: Segment): void {
    const last = this.#segments.pop() as Segment;
    if (last !== segment) {
      this.#segments[segment.index] = last;
      last.index = segment.index;
    }
    this.#segmentAt.delete(this.#numberOf(this.placeOf(segment.run.chunk, segment.run.at)));
    this.#compaction.forget(segment);
    if (this.#current === segment) this.#current = undefined;
    if (this.#spare.length < SPARE_SEGMENTS) this.#spare.push(segment.run);
    else this.#pages.free(segment.run);
  }

  /** Gives empty segments back; one stays as long as there are entries to move. */
  trim(): void {
    if (this.#current?.liveBytes === 0) this.drop(this.#current);
    const kept = this.#segments.length === 0 ? 0 : 1;
    for (const run of this.#spare.splice(kept)) this.#pages.free(run);
  }

  #fits(bytes: number): boolean {
    return this.#current !== undefined && this.#current.usedBytes + bytes <= this.#segmentBytes;
  }

  #placeAlone(bytes: number): number | undefined {
    const run = this.#pages.take(bytes, PAGE_BYTES);
    return run === undefined ? undefined : this.placeOf(run.chunk, run.at);
  }

  /** `leavesSpare`: one empty segment more is there afterwards. */
  #placeShared(bytes: number, leavesSpare: boolean): number | undefined {
    if (!this.#fits(bytes)) {
      const next = this.#spare.pop() ?? this.#takeSegment();
      if (next === undefined) return undefined;
      this.#open(next);
    }
    if (leavesSpare && this.#spare.length === 0) {
      const spare = this.#takeSegment();
      if (spare === undefined) return undefined;
      this.#spare.push(spare);
    }
    const { run, usedBytes } = this.#current as Segment;
    (this.#current as Segment).usedBytes += bytes;
    (this.#current as Segment).liveBytes += bytes;
    return this.placeOf(run.chunk, run.at + usedBytes);
  }

  #takeSegment(): PageRun | undefined {
    return this.#pages.take(this.#segmentBytes, this.#segmentBytes);
  }

  #open(run: PageRun): void {
    const full = this.#current;
    const segment = { run, index: this.#segments.length, usedBytes: 0, liveBytes: 0 };
    this.#segments.push(segment);
    this.#segmentAt.set(this.#numberOf(this.placeOf(run.chunk, run.at)), segment);
    this.#current = segment;
    if (full?.liveBytes === 0) this.drop(full);
  }

  #numberOf(place: number): number {
    const chunk = Math.floor(place / this.#unitsPerChunk);
    const within = Math.floor(this.#pages.offsetOf(chunk, this.byteOf(place)) / this.#segmentBytes);
    return chunk * this.#unitsPerChunk + within;
  }
}
