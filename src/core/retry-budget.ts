/** Retries under way must stay a share of the traffic, or a slow fleet drowns in its own second tries. */
export interface RetryBudgetOptions {
  /** Retries earned by one request: 0.2 is one retry for five requests. */
  readonly share: number;
  /** Retries a second that are allowed whatever the traffic, so that a quiet router can retry at all. */
  readonly floorPerSecond: number;
  /** The most that can be saved up: everything in flight at one full worker fits, or its death would lose requests. */
  readonly maxSaved: number;
}

const DEFAULT_RETRY_BUDGET: RetryBudgetOptions = { share: 0.2, floorPerSecond: 10, maxSaved: 8_192 };

/** A token bucket that requests fill. Pure of a clock: the caller says what time it is. */
export class RetryBudget {
  readonly #options: RetryBudgetOptions;
  #saved: number;
  #lastMs: number;

  constructor(nowMs: number, options: RetryBudgetOptions = DEFAULT_RETRY_BUDGET) {
    this.#options = options;
    this.#saved = options.maxSaved;
    this.#lastMs = nowMs;
  }

  request(): void {
    this.#save(this.#options.share);
  }

  /** Takes one retry from the budget; false when there is none left. */
  tryRetry(nowMs: number): boolean {
    this.#save((Math.max(0, nowMs - this.#lastMs) / 1_000) * this.#options.floorPerSecond);
    this.#lastMs = Math.max(this.#lastMs, nowMs);
    if (this.#saved < 1) return false;
    this.#saved -= 1;
    return true;
  }

  #save(retries: number): void {
    this.#saved = Math.min(this.#options.maxSaved, this.#saved + retries);
  }
}
