import { type Dispatcher, Pool } from 'undici';
import { bodyOf, type PlannedRequest, plannedRequests, type Traffic } from '../workload/requests.ts';
import type { Workload } from '../workload/workload.ts';
import { LoadRecorder, type LoadResult } from './recorder.ts';

export interface LoadOptions {
  /** Origin of a running Shoal. */
  readonly target: string;
  readonly workload: Workload;
  readonly traffic: Traffic;
  readonly maxInFlight: number;
}

/** Above the longest deadline that a server may have. */
const ANSWER_TIMEOUT_MS = 65_000;
/** A client that has fallen behind still reads answers between so many requests. */
const SENDS_PER_TURN = 64;

/**
 * Open-loop traffic: requests go out when the seed says, however slow the server is, and latency counts from then
 * (so a stall is seen by all that would have come meanwhile, not by the one that waited: no coordinated omission).
 * What would exceed `maxInFlight` is dropped and counted. Resolves when the last request was answered.
 */
export function runLoad(options: LoadOptions, recorder = new LoadRecorder()): Promise<LoadResult> {
  return new LoadRun(options, recorder).result();
}

class LoadRun {
  readonly #options: LoadOptions;
  readonly #recorder: LoadRecorder;
  readonly #pool: Pool;
  readonly #plan: Generator<PlannedRequest>;
  readonly #done = Promise.withResolvers<void>();
  #next: PlannedRequest | undefined;
  #startMs = 0;
  #inFlight = 0;

  constructor(options: LoadOptions, recorder: LoadRecorder) {
    this.#options = options;
    this.#recorder = recorder;
    this.#plan = plannedRequests(options.workload, options.traffic);
    // A connection each, so that no request waits behind another in the client.
    this.#pool = new Pool(options.target, {
      connections: options.maxInFlight,
      pipelining: 1,
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
    });
  }

  async result(): Promise<LoadResult> {
    // Drawing the first request shuffles the ranks: not on the clock.
    this.#advance();
    this.#startMs = performance.now();
    try {
      this.#pump();
      await this.#done.promise;
      return this.#recorder.result(this.#elapsedMs());
    } finally {
      await this.#pool.destroy();
    }
  }

  #elapsedMs(): number {
    return performance.now() - this.#startMs;
  }

  #advance(): void {
    const { value, done } = this.#plan.next() as IteratorResult<PlannedRequest, undefined>;
    this.#next = done === true ? undefined : value;
  }

  readonly #pump = (): void => {
    try {
      for (let sends = 0; this.#next !== undefined && this.#next.atMs <= this.#elapsedMs(); sends++) {
        if (sends === SENDS_PER_TURN) {
          setImmediate(this.#pump);
          return;
        }
        this.#arrive(this.#next);
        this.#advance();
      }
      if (this.#next !== undefined) setTimeout(this.#pump, Math.max(0, this.#next.atMs - this.#elapsedMs()));
      else this.#endWhenIdle();
    } catch (error) {
      this.#done.reject(error);
    }
  };

  #arrive(request: PlannedRequest): void {
    if (this.#inFlight >= this.#options.maxInFlight) {
      this.#recorder.drop();
      return;
    }
    const { tenant, model } = request.model;
    const { workload, traffic } = this.#options;
    this.#inFlight++;
    this.#recorder.sent(this.#elapsedMs() - request.atMs);
    this.#pool.dispatch(
      {
        method: 'POST',
        path: `/v1/tenants/${tenant}/models/${model}:predict`,
        headers: { 'content-type': 'application/json' },
        body: bodyOf(workload.seed, request, traffic.rows),
      },
      new AnswerHandler((outcome) => this.#answered(request, outcome)),
    );
  }

  #answered(request: PlannedRequest, { error, cold }: Outcome): void {
    this.#inFlight--;
    if (error === undefined) this.#recorder.answered(this.#elapsedMs() - request.atMs, cold);
    else this.#recorder.error(error);
    if (this.#next === undefined) this.#endWhenIdle();
  }

  #endWhenIdle(): void {
    if (this.#inFlight === 0) this.#done.resolve();
  }
}

interface Outcome {
  readonly error?: string;
  /** The server says that this request waited for a load. */
  readonly cold: boolean;
}

/** Reads an answer to its end and tells how it went, once. */
class AnswerHandler implements Dispatcher.DispatchHandler {
  readonly #tell: (outcome: Outcome) => void;
  #outcome: Outcome = { cold: false };

  constructor(tell: (outcome: Outcome) => void) {
    this.#tell = tell;
  }

  onRequestStart(): void {}

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Record<string, string | string[] | undefined>,
  ): void {
    const cold = headers['x-shoal-cold'] === 'true';
    const error = status === 200 ? {} : { error: String(headers['x-shoal-error'] ?? `HTTP_${status}`) };
    this.#outcome = { cold, ...error };
  }

  onResponseData(): void {}

  onResponseEnd(): void {
    this.#tell(this.#outcome);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#tell({ error: 'code' in error ? String(error.code) : error.name, cold: false });
  }
}
