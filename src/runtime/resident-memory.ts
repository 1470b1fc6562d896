import type { Executor } from './executor.ts';

export interface MeasuredLoad {
  readonly executor: Executor;
  readonly residentBytes: number;
  readonly loadMs: number;
}

/** Measured on 35 real models: an empty session; a byte of tree or kernel attributes; a byte of weights. */
const SESSION_BYTES = 92 * 1024;
const RESIDENT_PER_ATTRIBUTE_BYTE = 5.5;
const RESIDENT_PER_WEIGHT_BYTE = 1.2;

/**
 * Loads and says what that cost: the growth of the process's resident set. In a process that has loaded models
 * before, a model fits into pages that earlier ones left and nothing grows, so the figure never goes below an
 * estimate from the artifact's size. `weightBytes`: those of its initializers, when known.
 */
export async function measureLoad(
  prepared: Uint8Array,
  load: (prepared: Uint8Array) => Promise<Executor>,
  weightBytes = 0,
): Promise<MeasuredLoad> {
  const beforeBytes = process.memoryUsage.rss();
  const startedMs = performance.now();
  const executor = await load(prepared);
  const loadMs = performance.now() - startedMs;
  const grownBytes = process.memoryUsage.rss() - beforeBytes;
  const estimateBytes = estimateResidentBytes(prepared.byteLength, weightBytes);
  return { executor, residentBytes: Math.max(estimateBytes, grownBytes), loadMs };
}

export function estimateResidentBytes(artifactBytes: number, weightBytes: number): number {
  const attributeBytes = Math.max(0, artifactBytes - weightBytes);
  return Math.ceil(
    SESSION_BYTES + RESIDENT_PER_ATTRIBUTE_BYTE * attributeBytes + RESIDENT_PER_WEIGHT_BYTE * weightBytes,
  );
}
