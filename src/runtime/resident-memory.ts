import type { Executor } from './executor.ts';

export interface MeasuredLoad {
  readonly executor: Executor;
  readonly residentBytes: number;
  readonly loadMs: number;
}

/** What a session costs before it holds a single weight (measured: 80 to 90 KB). */
const SESSION_FLOOR_BYTES = 96 * 1024;

/**
 * Loads and says what that cost: the growth of the process's resident set. Pages that an earlier model gave back
 * to the allocator are used again without growth, so the figure never goes below a floor from the artifact's size.
 */
export async function measureLoad(
  prepared: Uint8Array,
  load: (prepared: Uint8Array) => Promise<Executor>,
): Promise<MeasuredLoad> {
  const floorBytes = residentFloorBytes(prepared.byteLength);
  const beforeBytes = process.memoryUsage.rss();
  const startedMs = performance.now();
  const executor = await load(prepared);
  const loadMs = performance.now() - startedMs;
  const grownBytes = process.memoryUsage.rss() - beforeBytes;
  return { executor, residentBytes: Math.max(floorBytes, grownBytes), loadMs };
}

/** The least that a model of so many bytes is counted as. */
export function residentFloorBytes(artifactBytes: number): number {
  return SESSION_FLOOR_BYTES + artifactBytes;
}
