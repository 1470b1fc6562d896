/** What the process takes beyond its models, and whether a lane is held, changes without a word: looked at again after so long. */
const RECHECK_MS = 100;

/** How long the head of the line has found no memory, with nothing begun meanwhile. */
export class MemoryWait {
  readonly #maxMs: number;
  readonly #lookAgain: () => void;
  #sinceMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** `lookAgain` is called when the wait is over, if not `pause` came first. */
  constructor(maxMs: number, lookAgain: () => void) {
    this.#maxMs = maxMs;
    this.#lookAgain = lookAgain;
  }

  /** Whether the head, there since `arrivedMs`, has waited for long enough. `mayChange`: without a word. */
  isOver(arrivedMs: number, nowMs: number, mayChange: boolean): boolean {
    this.#sinceMs ??= nowMs;
    const leftMs = Math.max(arrivedMs, this.#sinceMs) + this.#maxMs - nowMs;
    if (leftMs <= 0) return true;
    this.#timer = setTimeout(this.#lookAgain, mayChange ? Math.min(leftMs, RECHECK_MS) : leftMs);
    return false;
  }

  /** Room is being made for the head, which may take longer than it should. */
  recheck(): void {
    this.#timer = setTimeout(this.#lookAgain, RECHECK_MS);
  }

  pause(): void {
    clearTimeout(this.#timer);
  }

  /** Something was begun, or what waits doesn't wait for memory. */
  end(): void {
    this.#sinceMs = undefined;
  }
}
