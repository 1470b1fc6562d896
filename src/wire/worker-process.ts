import type { Limits } from '../core/limits.ts';

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
  /** The directory of the artifact store. */
  readonly artifactsDir: string;
  /** Where artifacts are kept when the store is on another disk; absent: they are read from the store itself. */
  readonly cacheDir?: string;
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
