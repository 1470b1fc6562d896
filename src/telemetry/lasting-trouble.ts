import type { Logger } from 'pino';

/** What is tried again and again is logged when it begins to fail, when it fails for another reason, and when it works again. */
export class LastingTrouble {
  readonly #logger: Logger;
  #told: string | undefined;

  constructor(logger: Logger) {
    this.#logger = logger;
  }

  tell(trouble: string, error: unknown): void {
    const text = `${trouble}: ${error instanceof Error ? error.message : String(error)}`;
    if (text === this.#told) return;
    this.#told = text;
    this.#logger.warn({ err: error }, trouble);
  }

  over(relief: string): void {
    if (this.#told === undefined) return;
    this.#told = undefined;
    this.#logger.info(relief);
  }
}
