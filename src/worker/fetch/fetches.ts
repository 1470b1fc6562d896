import { overloaded, ShoalError } from '../../core/errors.ts';
import type { Digest } from '../../core/ids.ts';
import type { Limits } from '../../core/limits.ts';
import { CorruptContentError } from '../../stores/store-error.ts';
import { type ModelKey, parseModelKey } from '../../wire/model-key.ts';
import { lastCallMs } from '../last-call.ts';
import { asShoalError } from '../load-errors.ts';
import { LoadLines } from '../load-lines.ts';
import type { WorkerMetrics } from '../metrics.ts';
import type { Fetched, ModelFetcher } from './model-fetcher.ts';

export interface FetchesOptions {
  readonly fetcher: Pick<ModelFetcher, 'fetch' | 'hasArtifact'>;
  readonly limits: Pick<Limits, 'workerFetches' | 'workerHeavyFetches'>;
  readonly metrics: Pick<WorkerMetrics, 'fetches' | 'fetchSeconds' | 'loadFailures' | 'loadsRefused'>;
  readonly clock: () => number;
  /** The object store gave what isn't what it was asked for. */
  readonly onCorrupt: (error: ShoalError) => void;
  /** The first failure after it worked. */
  readonly onAway: (error: ShoalError) => void;
  /** It answers again. */
  readonly onBack: () => void;
}

/** Someone waiting for a fetch. Exactly one of the two is called, later than `join`, unless `leave` came first. */
export interface FetchWaiter {
  readonly expiresAtMs: number;
  fetched(what: Fetched): void;
  failed(error: ShoalError): void;
}

interface Fetch {
  readonly key: ModelKey;
  readonly tenant: string;
  readonly digest: Digest;
  readonly residentBytes: number;
  readonly arrivedMs: number;
  /** When it should begin, as the line stood when it joined. */
  readonly expectedMs: number;
  /** With the timers of their last calls. */
  readonly waiters: Map<FetchWaiter, NodeJS.Timeout>;
  isUnderWay: boolean;
}

const NO_SUSPECTS = { has: () => false };

/**
 * Models on their way from the object store, one fetch for all who wait, whatever they call it. Ahead of the line of
 * loads and not within it, so that a slow store holds up nothing that is on this machine. Tenants take turns; who
 * can't be served in time is refused; while the store is away only as many as may be under way wait to see it back.
 */
export class Fetches {
  readonly #options: FetchesOptions;
  readonly #fetches = new Map<Digest, Fetch>();
  readonly #lines: LoadLines<Fetch>;
  /** How the last fetch failed, with none better since. */
  #away: ShoalError | undefined;

  constructor(options: FetchesOptions) {
    this.#options = options;
    const { workerFetches, workerHeavyFetches } = options.limits;
    this.#lines = new LoadLines({
      limits: { workerLoads: workerFetches, workerHeavyLoads: workerHeavyFetches },
      parallelLoads: { light: workerFetches, heavy: workerHeavyFetches },
      // The first calls make connections and look for credentials.
      provenBy: workerFetches,
      suspects: NO_SUSPECTS,
    });
  }

  /** Background work would have to wait, or make others wait. */
  get isBusy(): boolean {
    return this.#lines.size > 0;
  }

  hasArtifact(digest: Digest): boolean {
    return this.#options.fetcher.hasArtifact(digest);
  }

  /** A refusal, or undefined: the waiter will hear. */
  join(key: ModelKey, residentBytes: number, waiter: FetchWaiter): ShoalError | undefined {
    const parts = parseModelKey(key);
    if (parts === undefined)
      return new ShoalError('INVALID_REQUEST', 'a model key is tenant/model/version@digest');
    const { tenant, digest } = parts;
    const nowMs = this.#options.clock();
    const found = this.#fetches.get(digest);
    const refusal = this.#refusal(tenant, residentBytes, waiter, found, nowMs);
    if (refusal !== undefined) return refusal;
    const fetch = found ?? this.#begin({ key, tenant, digest, residentBytes, arrivedMs: nowMs });
    const leftMs = lastCallMs(Math.max(0, waiter.expiresAtMs - nowMs));
    fetch.waiters.set(
      waiter,
      setTimeout(() => this.#lastCall(fetch, waiter), leftMs),
    );
    return undefined;
  }

  /** A fetch that nobody waits for any more doesn't begin; one that has begun goes on, into the disk cache. */
  leave(key: ModelKey, waiter: FetchWaiter): void {
    const digest = parseModelKey(key)?.digest;
    const fetch = digest === undefined ? undefined : this.#fetches.get(digest);
    if (fetch !== undefined) this.#take(fetch, waiter);
  }

  #refusal(
    tenant: string,
    residentBytes: number,
    waiter: FetchWaiter,
    found: Fetch | undefined,
    nowMs: number,
  ): ShoalError | undefined {
    if (found?.isUnderWay === true) return undefined;
    const line = this.#lines.of(residentBytes);
    const { loadsRefused } = this.#options.metrics;
    if (found === undefined && this.#away !== undefined && !line.hasSlot) {
      loadsRefused.inc({ reason: 'store' });
      return new ShoalError(
        'STORE_UNAVAILABLE',
        `the model is not on this machine, and the object store has failed lately: ${this.#away.message}`,
      );
    }
    const waitMs = found === undefined ? line.waitMs(tenant) : found.expectedMs - nowMs;
    const leftMs = waiter.expiresAtMs - nowMs;
    if (leftMs <= 0 || waitMs <= leftMs) return undefined;
    loadsRefused.inc({ reason: 'line' });
    return overloaded(
      `${line.size + line.underWay} models wait for the object store or are on their way: the turn of this one would come in about ${Math.ceil(waitMs)} ms, its caller waits for ${Math.floor(leftMs)} ms`,
      waitMs,
    );
  }

  #begin(of: Pick<Fetch, 'key' | 'tenant' | 'digest' | 'residentBytes' | 'arrivedMs'>): Fetch {
    const expectedMs = of.arrivedMs + this.#lines.of(of.residentBytes).waitMs(of.tenant);
    const fetch: Fetch = { ...of, expectedMs, waiters: new Map(), isUnderWay: false };
    this.#fetches.set(fetch.digest, fetch);
    this.#lines.push(fetch);
    // Not before its waiter is there.
    queueMicrotask(() => this.#step());
    return fetch;
  }

  #step(): void {
    for (let fetch = this.#lines.next(); fetch !== undefined; fetch = this.#lines.next())
      void this.#run(fetch);
  }

  async #run(fetch: Fetch): Promise<void> {
    const { fetcher, metrics, clock } = this.#options;
    const begunMs = clock();
    this.#lines.begin(fetch, begunMs);
    fetch.isUnderWay = true;
    const result = await fetcher.fetch(fetch.digest).then(
      (answer) => this.#answered(answer),
      (error: unknown) => this.#failed(asShoalError(error)),
    );
    this.#fetches.delete(fetch.digest);
    const hasCome = !(result instanceof ShoalError);
    const nowMs = clock();
    this.#lines.end(fetch, nowMs, hasCome);
    if (hasCome) metrics.fetchSeconds.observe((nowMs - begunMs) / 1_000);
    else {
      metrics.loadFailures.inc();
      // Failures say nothing of how long the others take.
      this.#lines.of(fetch.residentBytes).stalled(nowMs);
    }
    for (const [waiter, timer] of fetch.waiters) {
      clearTimeout(timer);
      if (result instanceof ShoalError) waiter.failed(result);
      else waiter.fetched(result);
    }
    this.#step();
  }

  #answered(answer: Fetched | ShoalError): Fetched | ShoalError {
    const { metrics, onBack } = this.#options;
    metrics.fetches.inc({ outcome: answer instanceof ShoalError ? 'missing' : answer });
    if (this.#away !== undefined) onBack();
    this.#away = undefined;
    return answer;
  }

  #failed(error: ShoalError): ShoalError {
    const { metrics, onAway, onCorrupt } = this.#options;
    const isCorrupt = error instanceof CorruptContentError;
    metrics.fetches.inc({ outcome: isCorrupt ? 'corrupt' : 'failed' });
    if (isCorrupt) onCorrupt(error);
    if (isCorrupt || error.code !== 'STORE_UNAVAILABLE') return error;
    if (this.#away === undefined) onAway(error);
    this.#away = error;
    return error;
  }

  /** Shortly before the deadline. */
  #lastCall(fetch: Fetch, waiter: FetchWaiter): void {
    this.#options.metrics.loadsRefused.inc({ reason: 'store' });
    const line = this.#lines.of(fetch.residentBytes);
    const state = fetch.isUnderWay ? 'has not given it' : 'has given others but not yet this one';
    const message = `the model is not on this machine, and the object store ${state} before its caller's deadline (${line.underWay} models are on their way, ${line.size} wait)`;
    this.#take(fetch, waiter);
    waiter.failed(new ShoalError('STORE_UNAVAILABLE', message));
  }

  #take(fetch: Fetch, waiter: FetchWaiter): void {
    clearTimeout(fetch.waiters.get(waiter));
    fetch.waiters.delete(waiter);
    if (fetch.isUnderWay || fetch.waiters.size > 0) return;
    this.#fetches.delete(fetch.digest);
    this.#lines.delete(fetch);
  }
}
