import { Counter, type Registry } from 'prom-client';
import type { Limits } from '../core/limits.ts';
import { excessBytes, isTrimDue, type MemoryBounds, overCause } from '../core/worker-memory.ts';
import type { NativeHeap } from '../runtime/native-heap.ts';
import { gauge } from './gauge.ts';

export interface WorkerMemoryOptions {
  readonly budgetBytes: number;
  readonly limits: Limits;
  /** What the models that are loaded, loading or leaving were measured to take. */
  readonly countedBytes: () => number;
  /** Absent where the C library has no way to give free pages back. */
  readonly heap: NativeHeap | undefined;
  readonly readings: MemoryReadings;
  readonly registry: Registry;
  /** A run or a load takes more than the process may: it should end at once. */
  readonly onOver: (rssBytes: number, cause: 'memory' | 'machine-memory') => void;
  readonly onTrimFailed: (error: Error) => void;
}

/** What the system says. */
export interface MemoryReadings {
  rssBytes(): number;
  /** Left to this process, by the machine and its cgroup. */
  availableBytes(): number;
}

export const SYSTEM_READINGS: MemoryReadings = {
  rssBytes: () => process.memoryUsage.rss(),
  availableBytes: () => process.availableMemory(),
};

/** A run that fills memory does so at 2 to 4 GB/s: 50 to 100 MB between two polls, which cost 10 us each. */
const POLL_MS = 25;
const POLLS_A_SAMPLE = 10;
/** Two seconds: what lasts no longer evicts nothing. */
const SAMPLES = 8;
/** Between the end of a trim and the next. */
const POLLS_A_TRIM = 80;

/**
 * Watches the resident set of a worker's process (core/worker-memory). Runs on the main thread, which no model ever
 * blocks: those are in the lanes.
 */
export class WorkerMemory {
  readonly #options: WorkerMemoryOptions;
  readonly #bounds: MemoryBounds;
  readonly #samples: number[] = [];
  readonly #trims: Counter;
  #timer: NodeJS.Timeout | undefined;
  #polls = 0;
  #excessBytes = 0;
  #floorBytes: number;
  #trimFromPoll = 0;
  #trimming = false;

  constructor(options: WorkerMemoryOptions) {
    const { budgetBytes, limits, readings, registry } = options;
    this.#options = options;
    this.#bounds = {
      budgetBytes,
      overheadBytes: limits.workerOverheadBytes,
      overrunBytes: limits.workerOverrunBytes,
      reserveBytes: limits.machineReserveBytes,
    };
    this.#floorBytes = readings.rssBytes();
    this.#trims = new Counter({
      name: 'shoal_worker_trims_total',
      help: 'Times that free pages were given back to the system',
      registers: [registry],
    });
    gauge(registry, 'rss_bytes', 'Resident set of the process', () => readings.rssBytes());
    gauge(
      registry,
      'excess_bytes',
      'What it takes beyond models and overhead, counted as used',
      () => this.#excessBytes,
    );
    gauge(
      registry,
      'baseline_bytes',
      'The least it has taken beside models since the last trim',
      () => this.#floorBytes,
    );
  }

  /** What the residency counts as used beside its models. */
  excessBytes(): number {
    return this.#excessBytes;
  }

  start(): void {
    this.#timer = setInterval(() => void this.poll(), POLL_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  /** Resolves when the trim that it began, if any, is done. */
  async poll(): Promise<void> {
    const { readings, onOver } = this.#options;
    const rssBytes = readings.rssBytes();
    const cause = this.#overCause(rssBytes);
    if (cause !== undefined) return onOver(rssBytes, cause);
    this.#polls++;
    if (this.#polls % POLLS_A_SAMPLE === 0) await this.#sample(rssBytes);
  }

  /** What the machine has left is asked only when it matters. */
  #overCause(rssBytes: number): ReturnType<typeof overCause> {
    if (overCause(rssBytes, 0, this.#bounds) === undefined) return undefined;
    return overCause(rssBytes, this.#options.readings.availableBytes(), this.#bounds);
  }

  async #sample(rssBytes: number): Promise<void> {
    const besideBytes = Math.max(0, rssBytes - this.#options.countedBytes());
    this.#samples.push(besideBytes);
    if (this.#samples.length > SAMPLES) this.#samples.shift();
    this.#excessBytes = this.#samples.length < SAMPLES ? 0 : excessBytes(this.#samples, this.#bounds);
    this.#floorBytes = Math.min(this.#floorBytes, besideBytes);
    const { heap } = this.#options;
    if (heap === undefined || this.#trimming || this.#polls < this.#trimFromPoll) return;
    if (isTrimDue(besideBytes, this.#floorBytes, rssBytes)) await this.#trim(heap);
  }

  async #trim(heap: NativeHeap): Promise<void> {
    const { readings, countedBytes, onTrimFailed } = this.#options;
    this.#trimming = true;
    try {
      await heap.trim();
      this.#trims.inc();
    } catch (error) {
      onTrimFailed(error as Error);
    }
    this.#trimming = false;
    this.#trimFromPoll = this.#polls + POLLS_A_TRIM;
    this.#floorBytes = Math.max(0, readings.rssBytes() - countedBytes());
  }
}
