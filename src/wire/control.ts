import type { ModelKey } from './model-key.ts';

/**
 * A worker's control plane: plain JSON over HTTP on the same port as the frames. Every call, the upgrade
 * included, carries the fleet's token as `authorization: Bearer <token>`; without it the answer is 401.
 *
 *   GET  /state    -> WorkerState            (`?model=tenant/model`: with the keys of that model)
 *   POST /warm     WarmRequest -> WarmAnswer   (an error body when the load failed; OVERLOADED when more may not be pinned)
 *   GET  /metrics  -> prom-client's metrics as JSON, to be summed into the fleet's scrape
 */
export interface WorkerState {
  readonly id: string;
  readonly zone: string;
  readonly pid: number;
  readonly lanes: number;
  readonly budgetBytes: number;
  readonly residentBytes: number;
  readonly residentModels: number;
  readonly queuedRequests: number;
  readonly queueDelayUs: number;
  readonly rssBytes: number;
  readonly state: 'ready' | 'draining';
  /** The keys of the model asked for that are resident now. */
  readonly keys?: readonly ModelKey[];
  /** What happened lately to the versions of the model asked for, and where they stand. */
  readonly history?: readonly ModelHistory[];
}

/**
 * Why a resident model had to go. room: a load needed its bytes; excess: so it did, for the process takes more memory
 * than its models are counted for; idle: nobody had asked for it for `idleTtlMs`.
 */
export type EvictionReason = 'room' | 'excess' | 'idle';

/** One version's life in a worker, as far as the worker remembers. Times are ISO 8601. */
export interface ModelHistory {
  readonly key: ModelKey;
  readonly state: 'waiting' | 'loading' | 'resident' | 'leaving' | 'gone';
  readonly residentBytes: number;
  readonly loadMs?: number;
  readonly loadedAt?: string;
  readonly lastUsedAt?: string;
  /** Requests since it was loaded. */
  readonly uses: number;
  readonly pinnedUntil?: string;
  /** The latest one; a version that is resident again had come back since. */
  readonly eviction?: {
    readonly at: string;
    readonly reason: EvictionReason;
    /** The model whose load needed the room; it may be a stranger's, so only operators may see it. */
    readonly for?: ModelKey;
    /** What that model takes. */
    readonly forBytes?: number;
  };
  /** What it would take to stay, or to stay longer, in words. */
  readonly advice: string;
}

export interface WarmRequest {
  readonly key: ModelKey;
  readonly residentBytes: number;
  /** Load only where this one is resident; absent: load in any case. */
  readonly ifResident?: ModelKey;
  /** Once loaded it stays for so long, whatever else needs room; said again before the time is over. */
  readonly pinMs?: number;
  /** Load only into memory that nothing else takes or waits for: nothing is evicted for it. */
  readonly ifSpare?: boolean;
}

export interface WarmAnswer {
  readonly loaded: boolean;
}
