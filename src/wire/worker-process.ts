import type { Limits } from '../core/limits.ts';
import type { WorkerStores } from './store-settings.ts';

/** The process that starts workers <-> a worker process, over the IPC channel of child_process.fork. */
export interface WorkerProcessConfig {
  readonly id: string;
  readonly zone: string;
  readonly host: string;
  /** 0: any free port; `ready` says which. */
  readonly port: number;
  /** What every caller of the worker must present as its bearer token. */
  readonly token: string;
  readonly lanes: number;
  /** What the resident models may come to. */
  readonly budgetBytes: number;
  readonly stores: WorkerStores;
  /** Where artifacts and plans are kept when the stores aren't on this disk; absent: they are read from the stores themselves. */
  readonly cacheDir?: string;
  /** What the cache may come to; absent: as much as there is. */
  readonly cacheBytes?: number;
  /** Its crash journal (wire/crash-journal.ts): made anew by the worker, read by its parent after its death. */
  readonly journalFile: string;
  /** A resident model that nobody asked for since is released; absent: only when its room is needed. */
  readonly idleTtlMs?: number;
  /** Versions that were at work when a worker died lately: never run or loaded beside each other. */
  readonly suspects: readonly string[];
  readonly limits: Limits;
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug' | 'trace' | 'silent';
}

/** Parent -> worker. The configuration comes first, once; `stop` drains and ends the process. */
export type WorkerCommand =
  | WorkerProcessConfig
  | { readonly type: 'stop' }
  /** Takes the place of `suspects` in the configuration. */
  | { readonly type: 'suspects'; readonly keys: readonly string[] };

/** Worker -> parent. After `failed` the process exits. */
export type WorkerMessage =
  | { readonly type: 'ready'; readonly address: string }
  | { readonly type: 'failed'; readonly message: string };

/**
 * What a worker process is started with, for glibc's malloc (others don't look). Large blocks are given back when
 * they are freed, and the size from which one is large doesn't grow by itself: the same loads and evictions take
 * a sixth less memory at their highest (`npm run bench memory`). Blocks of less than 1 MiB stay out of the kernel's
 * list of mappings, which is bounded (65,530).
 */
export const WORKER_ENV = { MALLOC_MMAP_THRESHOLD_: '1048576', MALLOC_MMAP_MAX_: '32768' } as const;

/**
 * A young generation of 12 MB a thread at most, for 48: requests leave little that lives, and the main thread and
 * every lane have one.
 */
export const WORKER_EXEC_ARGV: readonly string[] = ['--max-semi-space-size=4'];
