/**
 * A worker's resident set against what its models were measured to take. The promise: it stays within the budget
 * plus `workerOverheadBytes`, which is for the process itself, what runs and loads take for a moment, and what
 * the allocator holds on to.
 */
export interface MemoryBounds {
  readonly budgetBytes: number;
  readonly overheadBytes: number;
  /** What runs may take beyond budget and overhead while the machine has it. */
  readonly overrunBytes: number;
  /** What the machine must have left for a process beyond budget and overhead to go on. */
  readonly reserveBytes: number;
}

/** However much a process has grown, so much of the budget is left to models. */
const LARGEST_EXCESS_SHARE = 0.25;

/** What counts as used beside the models: the least of the last samples, as a run's peak is soon gone. */
export function excessBytes(
  samples: readonly number[],
  { budgetBytes, overheadBytes }: MemoryBounds,
): number {
  if (samples.length === 0) return 0;
  const lastingBytes = Math.min(...samples) - overheadBytes;
  return Math.max(0, Math.min(lastingBytes, LARGEST_EXCESS_SHARE * budgetBytes));
}

/** Pages that released models left: worth giving back from here on. */
const TRIM_BYTES = 32 * 1024 * 1024;
const TRIM_SHARE = 1 / 32;

/**
 * Whether to give free pages back. `besideBytes`: resident but of no model; `floorBytes`: the least that has been
 * seen since the last trim, so that what a trim can't give back isn't tried for again and again.
 */
export function isTrimDue(besideBytes: number, floorBytes: number, rssBytes: number): boolean {
  return besideBytes - floorBytes > TRIM_BYTES + TRIM_SHARE * rssBytes;
}

/**
 * Why the process must end before the kernel ends one, which may be an innocent: it is beyond its promise, and either
 * by far or with the machine's memory nearly gone. `machine-memory`: by less than what the machine keeps in reserve,
 * so that it is hardly to blame. Undefined: it may go on.
 */
export function overCause(
  rssBytes: number,
  availableBytes: number,
  { budgetBytes, overheadBytes, overrunBytes, reserveBytes }: MemoryBounds,
): 'memory' | 'machine-memory' | undefined {
  const beyondBytes = rssBytes - budgetBytes - overheadBytes;
  if (beyondBytes > overrunBytes) return 'memory';
  if (beyondBytes <= 0 || availableBytes >= reserveBytes) return undefined;
  return beyondBytes < reserveBytes ? 'machine-memory' : 'memory';
}
