import type { PageReturn } from '../../runtime/native-heap.ts';
import { type PlanMemory, planMemory } from '../../runtime/plan/run.ts';

export const PAGE_BYTES = 4_096;

/** Address space; what was never written to takes no memory. Below 2 GiB, as kernels find their numbers by 31 bits. */
export const CHUNK_BYTES = 256 * 1024 * 1024;

const FREE = 0;
const TAKEN = 1;
/** Free, and still resident: only where pages can't be given back. */
const DIRTY = 2;

/** One shared buffer; the views are what plans are read by. */
export interface Chunk {
  readonly number: number;
  readonly buffer: SharedArrayBuffer;
  readonly memory: PlanMemory;
}

interface PagedChunk extends Chunk {
  /** Where its first page begins: buffers don't start on one. */
  readonly startBytes: number;
  readonly states: Uint8Array;
  freePages: number;
}

/** So many pages, one after the other in one chunk. */
export interface PageRun {
  readonly chunk: Chunk;
  /** Where it begins in the chunk's buffer. */
  readonly at: number;
  readonly bytes: number;
}

export interface PagesOptions {
  /** Undefined: what was taken once stays resident. */
  readonly pageReturn: PageReturn | undefined;
  /** Of each chunk, and of all. */
  readonly chunkBytes?: number;
  readonly maxBytes?: number;
}

/**
 * Memory for plans, taken from the system by the page and given back to it by the page: V8 keeps a shared buffer that
 * nobody has any more until its garbage collector is in need, and a worker's memory must follow what it holds.
 */
export class Pages {
  readonly #pageReturn: PageReturn | undefined;
  readonly #chunkBytes: number;
  readonly #maxChunks: number;
  readonly #chunks: PagedChunk[] = [];
  #takenPages = 0;
  #dirtyPages = 0;

  constructor({ pageReturn, chunkBytes = CHUNK_BYTES, maxBytes = 2 ** 35 }: PagesOptions) {
    this.#pageReturn = pageReturn;
    this.#chunkBytes = chunkBytes;
    this.#maxChunks = Math.floor(maxBytes / chunkBytes);
  }

  /** Whether what is freed goes back to the system. */
  get givesBack(): boolean {
    return this.#pageReturn !== undefined;
  }

  /** What is taken, and what couldn't be given back. */
  get heldBytes(): number {
    return (this.#takenPages + this.#dirtyPages) * PAGE_BYTES;
  }

  chunk(number: number): Chunk {
    return this.#chunks[number] as Chunk;
  }

  /** Of a place in a chunk's buffer: counted from its first page. */
  offsetOf(chunk: number, at: number): number {
    return at - (this.#chunks[chunk] as PagedChunk).startBytes;
  }

  /** Whether `take` would hold no more than is held now. */
  canReuse(bytes: number, alignBytes: number): boolean {
    const count = pagesOf(bytes);
    if (this.#dirtyPages < count) return false;
    return this.#chunks.some((chunk) => find(chunk, count, alignBytes / PAGE_BYTES, isDirty) >= 0);
  }

  /** Undefined when there is no address space left. `alignBytes`: from the chunk's first page. */
  take(bytes: number, alignBytes: number): PageRun | undefined {
    const count = pagesOf(bytes);
    const align = alignBytes / PAGE_BYTES;
    if (this.#dirtyPages >= count) {
      const found = this.#takeWhere(count, align, isDirty);
      if (found !== undefined) return found;
    }
    const found = this.#takeWhere(count, align, isFree);
    if (found !== undefined || this.#chunks.length >= this.#maxChunks) return found;
    const chunk = this.#newChunk();
    return chunk.freePages < count ? undefined : this.#mark(chunk, 0, count);
  }

  free({ chunk, at, bytes }: PageRun): void {
    const paged = this.#chunks[chunk.number] as PagedChunk;
    const first = (at - paged.startBytes) / PAGE_BYTES;
    const count = pagesOf(bytes);
    const isGivenBack = this.#pageReturn !== undefined;
    this.#pageReturn?.(paged.memory.u8.subarray(at, at + bytes));
    paged.states.fill(isGivenBack ? FREE : DIRTY, first, first + count);
    paged.freePages += count;
    this.#takenPages -= count;
    if (!isGivenBack) this.#dirtyPages += count;
  }

  #takeWhere(count: number, align: number, suits: (state: number) => boolean): PageRun | undefined {
    for (const chunk of this.#chunks) {
      if (chunk.freePages < count) continue;
      const first = find(chunk, count, align, suits);
      if (first >= 0) return this.#mark(chunk, first, count);
    }
    return undefined;
  }

  #mark(chunk: PagedChunk, first: number, count: number): PageRun {
    for (let page = first; page < first + count; page++) {
      if (chunk.states[page] === DIRTY) this.#dirtyPages--;
      chunk.states[page] = TAKEN;
    }
    chunk.freePages -= count;
    this.#takenPages += count;
    return { chunk, at: chunk.startBytes + first * PAGE_BYTES, bytes: count * PAGE_BYTES };
  }

  #newChunk(): PagedChunk {
    const buffer = new SharedArrayBuffer(this.#chunkBytes);
    const memory = planMemory(buffer);
    const startBytes = this.#pageReturn?.startOf(memory.u8) ?? 0;
    const pages = Math.floor((buffer.byteLength - startBytes) / PAGE_BYTES);
    const states = new Uint8Array(pages);
    const chunk = { number: this.#chunks.length, buffer, memory, startBytes, states, freePages: pages };
    this.#chunks.push(chunk);
    return chunk;
  }
}

function isDirty(state: number): boolean {
  return state === DIRTY;
}

function isFree(state: number): boolean {
  return state !== TAKEN;
}

function pagesOf(bytes: number): number {
  return Math.ceil(bytes / PAGE_BYTES);
}

/** The first page of the lowest run that suits; -1: there is none. */
function find(
  { states }: PagedChunk,
  count: number,
  align: number,
  suits: (state: number) => boolean,
): number {
  let first = 0;
  while (first + count <= states.length) {
    let page = first + count - 1;
    // From its end: one that doesn't suit rules out all runs up to it.
    while (page >= first && suits(states[page] as number)) page--;
    if (page < first) return first;
    first = Math.ceil((page + 1) / align) * align;
  }
  return -1;
}
