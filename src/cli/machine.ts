import os from 'node:os';

/** What is left to models after this process, the workers' own overhead and the page cache had theirs. */
const SHARE_FOR_MODELS = 0.6;

/** Memory that this process may use: its cgroup's limit, else the machine's. */
function memoryBytes(): number {
  const limit = process.constrainedMemory();
  return limit > 0 && limit < os.totalmem() ? limit : os.totalmem();
}

export function defaultBudgetBytes(workers: number): number {
  return Math.floor((memoryBytes() * SHARE_FOR_MODELS) / workers);
}

export function defaultLanes(workers: number): number {
  return Math.max(1, Math.floor(os.availableParallelism() / workers));
}
