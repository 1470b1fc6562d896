import os from 'node:os';

/** What is left to models after the page cache and other programs had theirs, at most and at least. */
const LARGEST_SHARE = 0.6;
const LEAST_SHARE = 0.2;
/** The router, the manager and the admission processes. */
const FRONT_BYTES = 512 * 1024 * 1024;

/** Memory that this process may use: its cgroup's limit, else the machine's. */
function memoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < os.totalmem() ? limit : os.totalmem();
}

/** For one of so many workers, each of which may take `overheadBytes` beside it. Budgets and overheads of all of them fit into the machine, unless it is very small. */
export function defaultBudgetBytes(
  workers: number,
  overheadBytes: number,
  totalBytes = memoryBytes(),
): number {
  const leftBytes = totalBytes - FRONT_BYTES - workers * overheadBytes;
  const forModels = Math.min(LARGEST_SHARE * totalBytes, Math.max(LEAST_SHARE * totalBytes, leftBytes));
  return Math.floor(forModels / workers);
}

export function defaultLanes(workers: number): number {
  return Math.max(1, Math.floor(os.availableParallelism() / workers));
}
