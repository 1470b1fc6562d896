import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';

const PAUSE_MS = 100;

/** A silent worker gets no requests, so no answer tells when it is back: it is asked time and again. */
export class Probe {
  readonly #logger: Logger;
  #isRunning = false;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  /** Whether it said that it lives; false when it isn't silent any more by itself, or is being asked already. */
  async run(isSilent: () => boolean, isAlive: () => Promise<boolean>): Promise<boolean> {
    if (this.#isRunning) return false;
    this.#isRunning = true;
    this.#logger.warn('a worker gives no answers; requests go to others of its shard');
    try {
      while (isSilent()) {
        if (await isAlive()) return true;
        await pause(PAUSE_MS, undefined, { ref: false });
      }
      return false;
    } finally {
      this.#isRunning = false;
    }
  }
}
