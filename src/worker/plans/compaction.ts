import type { PlanSlabs, Segment } from './slabs.ts';

/** Segments looked at for the sparsest one, and for any that is worth it. */
const LOOKED_AT = 32;
const LOOKED_AT_MOST = 512;
/** A segment that is fuller than this is not worth the work. */
const WORTH_PART = 0.95;

/** Whose entries the slabs hold. */
export interface Entries {
  /** Where the entry of a handle is; of a handle that isn't in use, anything. */
  placeOf(handle: number): number;
  /** In use by another thread: it stays where it is. */
  isLeased(handle: number): boolean;
  /** The bytes are at both places; the old one is forgotten. */
  moved(handle: number, place: number): void;
}

/** Moves what is left of the sparsest segments together, in steps as small as wanted. */
export class Compaction {
  readonly #slabs: PlanSlabs;
  readonly #entries: Entries;
  /** Where leased entries stayed: not tried again before another segment was emptied. */
  readonly #stuck = new Set<Segment>();
  #source: Segment | undefined;
  /** How far the source has been walked. */
  #walkedBytes = 0;
  #lookFrom = 0;
  movedBytes = 0;
  /** Segments emptied. */
  compacted = 0;

  constructor(slabs: PlanSlabs, entries: Entries) {
    this.#slabs = slabs;
    this.#entries = entries;
  }

  /** Goes on until about `maxBytes` are walked; false: no segment is worth it. */
  step(maxBytes: number): boolean {
    let leftBytes = maxBytes;
    while (leftBytes > 0) {
      const source = this.#source ?? this.#choose();
      if (source === undefined) return false;
      while (leftBytes > 0 && this.#source === source && this.#walkedBytes < source.usedBytes)
        leftBytes -= this.#moveNext(source);
      if (this.#source === source && this.#walkedBytes >= source.usedBytes) {
        this.#stuck.add(source);
        this.#source = undefined;
      }
    }
    return true;
  }

  /** The segment is gone. */
  forget(segment: Segment): void {
    this.#stuck.clear();
    if (this.#source !== segment) return;
    this.#source = undefined;
    this.compacted++;
  }

  #choose(): Segment | undefined {
    const { segments, current } = this.#slabs;
    let best: Segment | undefined;
    const mostLooks = Math.min(LOOKED_AT_MOST, segments.length);
    for (let looks = 0; looks < mostLooks && (looks < LOOKED_AT || best === undefined); looks++) {
      this.#lookFrom = (this.#lookFrom + 1) % segments.length;
      const segment = segments[this.#lookFrom] as Segment;
      if (segment === current || segment.liveBytes > WORTH_PART * segment.run.bytes) continue;
      if (this.#stuck.has(segment)) continue;
      if (best === undefined || segment.liveBytes < best.liveBytes) best = segment;
    }
    if (best === undefined) return undefined;
    this.#source = best;
    this.#walkedBytes = 0;
    return best;
  }

  /** Its bytes. The last that goes makes the slabs forget the source. */
  #moveNext(source: Segment): number {
    const { memory } = source.run.chunk;
    const at = source.run.at + this.#walkedBytes;
    const bytes = memory.i32[at >> 2] as number;
    const handle = memory.i32[(at >> 2) + 1] as number;
    this.#walkedBytes += bytes;
    const place = this.#slabs.placeOf(source.run.chunk, at);
    if (this.#entries.placeOf(handle) !== place || this.#entries.isLeased(handle)) return 64;
    const target = this.#slabs.placeMoved(bytes);
    // No address space: this one stays, and the segment with it.
    if (target === undefined) return bytes;
    const to = this.#slabs.byteOf(target);
    const into = this.#slabs.chunkOf(target).memory.u8;
    if (into === memory.u8) into.copyWithin(to, at, at + bytes);
    else into.set(memory.u8.subarray(at, at + bytes), to);
    this.movedBytes += bytes;
    this.#entries.moved(handle, target);
    source.liveBytes -= bytes;
    if (source.liveBytes === 0) this.#slabs.drop(source);
    return bytes;
  }
}
