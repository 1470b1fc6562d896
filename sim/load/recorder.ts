import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

export interface LatencySummary {
  readonly count: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

export interface LoadResult {
  /** From the start until the last answer. */
  readonly seconds: number;
  /** Arrivals = requests answered with success + errors + dropped. */
  readonly arrivals: number;
  readonly requests: number;
  readonly achievedPerSecond: number;
  /** Of successes, from the intended arrival. */
  readonly latencyMs: {
    readonly all: LatencySummary;
    readonly warm: LatencySummary;
    readonly cold: LatencySummary;
  };
  /** By code of `x-shoal-error`, else HTTP_<status> or the network's code. */
  readonly errors: Readonly<Record<string, number>>;
  /** Not sent, since as many were in flight as the client may have. */
  readonly dropped: number;
  /** Whether this client kept up: how long after its intended arrival each request was sent. */
  readonly client: { readonly lateArrivals: number; readonly sendDelayMs: LatencySummary };
}

/** Sent later than this, an arrival counts as late; timers alone make for up to 2 ms. */
export const LATE_MS = 5;

const LONGEST_US = 3_600_000_000;

/** Counts one run. High dynamic range histograms, of three digits, in microseconds. */
export class LoadRecorder {
  readonly #all = newHistogram();
  readonly #warm = newHistogram();
  readonly #cold = newHistogram();
  readonly #sendDelay = newHistogram();
  readonly #errors = new Map<string, number>();
  #lateArrivals = 0;
  #dropped = 0;

  get requests(): number {
    return this.#all.count;
  }

  get coldRequests(): number {
    return this.#cold.count;
  }

  get dropped(): number {
    return this.#dropped;
  }

  get failed(): number {
    return [...this.#errors.values()].reduce((sum, count) => sum + count, 0);
  }

  sent(delayMs: number): void {
    record(this.#sendDelay, delayMs);
    if (delayMs > LATE_MS) this.#lateArrivals++;
  }

  drop(): void {
    this.#dropped++;
  }

  answered(latencyMs: number, cold: boolean): void {
    record(this.#all, latencyMs);
    record(cold ? this.#cold : this.#warm, latencyMs);
  }

  error(code: string): void {
    this.#errors.set(code, (this.#errors.get(code) ?? 0) + 1);
  }

  result(elapsedMs: number): LoadResult {
    const seconds = elapsedMs / 1000;
    return {
      seconds,
      arrivals: this.requests + this.failed + this.#dropped,
      requests: this.requests,
      achievedPerSecond: seconds > 0 ? this.requests / seconds : 0,
      latencyMs: { all: summary(this.#all), warm: summary(this.#warm), cold: summary(this.#cold) },
      errors: Object.fromEntries([...this.#errors].sort(([, a], [, b]) => b - a)),
      dropped: this.#dropped,
      client: { lateArrivals: this.#lateArrivals, sendDelayMs: summary(this.#sendDelay) },
    };
  }
}

function newHistogram(): RecordableHistogram {
  return createHistogram({ lowest: 1, highest: LONGEST_US, figures: 3 });
}

function record(histogram: RecordableHistogram, ms: number): void {
  histogram.record(Math.min(LONGEST_US, Math.max(1, Math.round(ms * 1000))));
}

/** All 0 when nothing was recorded. */
function summary(histogram: RecordableHistogram): LatencySummary {
  const { count } = histogram;
  const at = (percent: number): number => (count === 0 ? 0 : histogram.percentile(percent) / 1000);
  return {
    count,
    p50: at(50),
    p90: at(90),
    p99: at(99),
    p999: at(99.9),
    max: count === 0 ? 0 : histogram.max / 1000,
  };
}
