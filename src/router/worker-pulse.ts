/** What a worker's answers, and their absence, tell of it. Times are of its owner's clock. */
export class WorkerPulse {
  #reportedDelayMs = 0;
  #heardAtMs = 0;
  /** How long it has owed answers, and given none, until `#owingSinceMs`; from there on while it owes any. */
  #owedMs = 0;
  #owingSinceMs: number | undefined;

  connected(nowMs: number): void {
    this.#heardAtMs = nowMs;
    this.#reportedDelayMs = 0;
    this.#owedMs = 0;
    this.#owingSinceMs = undefined;
  }

  answered(nowMs: number, queueDelayMs: number): void {
    this.#heardAtMs = nowMs;
    this.#reportedDelayMs = queueDelayMs;
    this.heard(nowMs);
  }

  /** It lives, whatever it owes. */
  heard(nowMs: number): void {
    this.#owedMs = 0;
    if (this.#owingSinceMs !== undefined) this.#owingSinceMs = nowMs;
  }

  /** Something is under way there now. */
  owes(nowMs: number): void {
    this.#owingSinceMs ??= nowMs;
  }

  /** Nothing is under way there any more. */
  owesNothing(nowMs: number): void {
    this.#owedMs = this.owedMs(nowMs);
    this.#owingSinceMs = undefined;
  }

  /** For how long, all in all, it has owed answers since the last that it gave. */
  owedMs(nowMs: number): number {
    return this.#owedMs + (this.#owingSinceMs === undefined ? 0 : nowMs - this.#owingSinceMs);
  }

  /** What it last reported, less the time since: with nothing newer known, a queue drains as time goes by. */
  queueDelayMs(nowMs: number): number {
    return Math.max(0, this.#reportedDelayMs - (nowMs - this.#heardAtMs));
  }
}
