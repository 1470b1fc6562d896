import type { Executor } from './executor.ts';
import type { NativeHeap } from './native-heap.ts';

/** A loaded model, and in the end what it has cost. */
export interface MeasuredModel {
  readonly executor: Executor;
  readonly loadMs: number;
  /** Releases it; what it takes of a worker's memory as long as it is loaded. */
  readonly release: () => Promise<number>;
}

type Load = (prepared: Uint8Array) => Promise<Executor>;

/** Fitted to 35 real models: an empty session; a byte of tree or kernel attributes; a byte of weights. */
const SESSION_BYTES = 62 * 1024;
const RESIDENT_PER_ATTRIBUTE_BYTE = 5.5;
const RESIDENT_PER_WEIGHT_BYTE = 1.2;

/** A model's objects in a worker and the ends of its pages: what many copies take beyond the native heap. */
const BESIDE_HEAP_BYTES = 12 * 1024;

/** The least that any session takes: of those measured a single node of 82 bytes took 36 KiB. */
const LEAST_BYTES = 36 * 1024;

/**
 * A figure this far from the estimate is taken again until two agree, as what other threads take and free in that
 * moment (the compiler, the garbage collector) counts too.
 */
const FAR_ABOVE = 1.5;
const FAR_BELOW = 0.75;
const AGREEING = 0.1;
const MOST_FIGURES = 5;

/**
 * What releasing a model gives back to the native heap is what it held; within a tenth of what many copies add
 * to a resident set (`npm run bench memory`). Exact when glibc keeps no freed chunks for each thread (the tunable
 * `glibc.malloc.tcache_count=0`) and nobody else is at work. Without a native heap the resident set's growth must
 * do, which says nothing of a model that fits into pages that earlier ones left, so that it never goes below the
 * estimate. `weightBytes`: those of its initializers.
 */
export async function loadMeasured(
  prepared: Uint8Array,
  load: Load,
  weightBytes: number,
  heap: NativeHeap | undefined,
): Promise<MeasuredModel> {
  const estimateBytes = estimateResidentBytes(prepared.byteLength, weightBytes);
  if (heap === undefined) return loadWatched(prepared, load, estimateBytes);
  const startedMs = performance.now();
  const executor = await load(prepared);
  const loadMs = performance.now() - startedMs;
  return {
    executor,
    loadMs,
    async release() {
      const figures = [await releasedBytes(executor, heap)];
      if (!isNear(figures[0] as number, estimateBytes)) {
        while (figures.length < MOST_FIGURES) {
          const nextBytes = await releasedBytes(await load(prepared), heap);
          const twinBytes = figures.find(
            (bytes) => Math.abs(bytes - nextBytes) <= AGREEING * Math.abs(bytes),
          );
          if (twinBytes !== undefined) return Math.max(LEAST_BYTES, twinBytes);
          figures.push(nextBytes);
        }
      }
      return Math.max(LEAST_BYTES, middle(figures));
    },
  };
}

function isNear(bytes: number, estimateBytes: number): boolean {
  return bytes >= FAR_BELOW * estimateBytes && bytes <= FAR_ABOVE * estimateBytes;
}

function middle(figures: readonly number[]): number {
  return figures.toSorted((a, b) => a - b)[figures.length >> 1] as number;
}

async function releasedBytes(executor: Executor, heap: NativeHeap): Promise<number> {
  const heldBytes = heap.usedBytes();
  await executor.release();
  return heldBytes - heap.usedBytes() + BESIDE_HEAP_BYTES;
}

async function loadWatched(prepared: Uint8Array, load: Load, estimateBytes: number): Promise<MeasuredModel> {
  const beforeBytes = process.memoryUsage.rss();
  const startedMs = performance.now();
  const executor = await load(prepared);
  const loadMs = performance.now() - startedMs;
  let grownBytes = process.memoryUsage.rss() - beforeBytes;
  // A resident set grows for other reasons too: once more beside the first copy, and the smaller counts.
  if (grownBytes > FAR_ABOVE * estimateBytes) {
    const besideBytes = process.memoryUsage.rss();
    const second = await load(prepared);
    grownBytes = Math.min(grownBytes, process.memoryUsage.rss() - besideBytes);
    await second.release();
  }
  return {
    executor,
    loadMs,
    async release() {
      await executor.release();
      return Math.max(estimateBytes, grownBytes);
    },
  };
}

export function estimateResidentBytes(artifactBytes: number, weightBytes: number): number {
  const attributeBytes = Math.max(0, artifactBytes - weightBytes);
  return Math.ceil(
    SESSION_BYTES + RESIDENT_PER_ATTRIBUTE_BYTE * attributeBytes + RESIDENT_PER_WEIGHT_BYTE * weightBytes,
  );
}
