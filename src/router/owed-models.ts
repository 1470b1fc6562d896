import type { ModelKey } from '../wire/model-key.ts';

/** An answer within this time, or twice what its run took, shows that a model's runs end. */
const HEARD_MS = 50;

interface Owed {
  requests: number;
  /** When the first of them was sent, or the last answer came. */
  sinceMs: number;
  /** For how long from then on that answer tells; 0: none has come. */
  heardMs: number;
}

export interface OwedModelsOptions {
  /** How long a request that was given up unanswered is remembered: by then its worker says that it holds a lane. */
  readonly rememberMs: number;
  readonly maxRemembered: number;
}

/**
 * The models that one worker owes answers for. A run may be about to hold its lane for ever, and the worker can
 * tell only after a while; until then the model's next requests must not spread to another worker.
 */
export class OwedModels {
  readonly #options: OwedModelsOptions;
  readonly #owed = new Map<ModelKey, Owed>();
  /** When the last of a model's requests was given up; the oldest first. */
  readonly #givenUp = new Map<ModelKey, number>();

  constructor(options: OwedModelsOptions) {
    this.#options = options;
  }

  sent(key: ModelKey, nowMs: number): void {
    const owed = this.#owed.get(key);
    if (owed === undefined) this.#owed.set(key, { requests: 1, sinceMs: nowMs, heardMs: 0 });
    else owed.requests++;
  }

  /** It was run, which took `runMs`. */
  answered(key: ModelKey, nowMs: number, runMs: number): void {
    if (this.#givenUp.size > 0) this.#givenUp.delete(key);
    const owed = this.#owed.get(key);
    if (owed === undefined) return;
    owed.heardMs = Math.max(HEARD_MS, 2 * runMs);
    owed.sinceMs = nowMs;
    this.#less(key, owed);
  }

  /** Taken back before it left, or refused: that tells nothing of the others. */
  notRun(key: ModelKey): void {
    const owed = this.#owed.get(key);
    if (owed !== undefined) this.#less(key, owed);
  }

  /** Nobody waits for it any more; the worker may be at it all the same. */
  givenUp(key: ModelKey, nowMs: number): void {
    this.notRun(key);
    const { rememberMs, maxRemembered } = this.#options;
    this.#givenUp.delete(key);
    this.#givenUp.set(key, nowMs);
    for (const [oldest, atMs] of this.#givenUp) {
      if (nowMs - atMs <= rememberMs && this.#givenUp.size <= maxRemembered) break;
      this.#givenUp.delete(oldest);
    }
  }

  /** No answer of the model shows that its runs end here. */
  isSilent(key: ModelKey, nowMs: number): boolean {
    const owed = this.#owed.get(key);
    if (owed !== undefined && (owed.heardMs === 0 || nowMs - owed.sinceMs > owed.heardMs)) return true;
    const givenUpAtMs = this.#givenUp.size === 0 ? undefined : this.#givenUp.get(key);
    return givenUpAtMs !== undefined && nowMs - givenUpAtMs <= this.#options.rememberMs;
  }

  clear(): void {
    this.#owed.clear();
    this.#givenUp.clear();
  }

  #less(key: ModelKey, owed: Owed): void {
    if (--owed.requests === 0) this.#owed.delete(key);
  }
}
