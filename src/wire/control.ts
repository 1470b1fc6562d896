import type { ModelKey } from './model-key.ts';

/**
 * A worker's control plane: plain JSON over HTTP on the same port as the frames. Every call, the upgrade
 * included, carries the fleet's token as `authorization: Bearer <token>`; without it the answer is 401.
 *
 *   GET  /state    -> WorkerState            (`?model=tenant/model`: with the keys of that model)
 *   POST /warm     WarmRequest -> WarmAnswer   (503 with an error body when the load failed)
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
}

export interface WarmRequest {
  readonly key: ModelKey;
  readonly residentBytes: number;
  /** Load only where this one is resident; absent: load in any case. */
  readonly ifResident?: ModelKey;
}

export interface WarmAnswer {
  readonly loaded: boolean;
}
