import { ShoalError } from '../core/errors.ts';
import type { ModelKey } from '../wire/model-key.ts';

export interface Pin {
  readonly residentBytes: number;
  readonly untilMs: number;
}

/** Models that must not be evicted for a while, whatever needs room. What they take together is bounded. */
export class Pins {
  readonly #maxBytes: number;
  /** In the order in which they were last renewed. */
  readonly #pins = new Map<ModelKey, Pin>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Pins it, or pins it anew. The pin is for `unpin`. Throws OVERLOADED when that would be too much beside the others. */
  pin(key: ModelKey, residentBytes: number, untilMs: number, nowMs: number): Pin {
    const ownBytes = this.#pins.get(key)?.residentBytes ?? 0;
    if (this.#bytes - ownBytes + residentBytes > this.#maxBytes) this.#forgetExpired(nowMs);
    const othersBytes = this.#bytes - (this.#pins.get(key)?.residentBytes ?? 0);
    if (othersBytes + residentBytes > this.#maxBytes) {
      throw new ShoalError(
        'OVERLOADED',
        `${key} can't be pinned: it takes ${residentBytes} bytes, other pinned models ${othersBytes} of the ${this.#maxBytes} bytes that may be pinned (limit pinnedPercent of the budget)`,
      );
    }
    this.#forget(key);
    const pin = { residentBytes, untilMs };
    this.#pins.set(key, pin);
    this.#bytes += residentBytes;
    return pin;
  }

  /** Takes this pin back, and no other that has taken its place. */
  unpin(key: ModelKey, pin: Pin): void {
    if (this.#pins.get(key) === pin) this.#forget(key);
  }

  /** Undefined: it isn't pinned now. */
  pinnedUntilMs(key: ModelKey, nowMs: number): number | undefined {
    const untilMs = this.#pins.get(key)?.untilMs;
    return untilMs !== undefined && untilMs > nowMs ? untilMs : undefined;
  }

  /** Only asked when the bound is met, so that a renewal costs the same however many there are. */
  #forgetExpired(nowMs: number): void {
    for (const [key, pin] of this.#pins) if (pin.untilMs <= nowMs) this.#forget(key);
  }

  #forget(key: ModelKey): void {
    this.#bytes -= this.#pins.get(key)?.residentBytes ?? 0;
    this.#pins.delete(key);
  }
}
