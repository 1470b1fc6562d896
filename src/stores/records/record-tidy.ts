import type { Logger } from 'pino';
import type { Limits } from '../../core/limits.ts';
import type { RecordObjects } from './records.ts';

export interface RecordTidyDeps {
  readonly records: Pick<RecordObjects, 'tidy'>;
  readonly limits: Pick<Limits, 'recordTidyMs' | 'recordTidyWrites'>;
  readonly logger: Logger;
  /** Milliseconds that only grow. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** Deletes old records in the background, every so often or after so many writes: one listing for many of them. */
export class RecordTidy {
  readonly #deps: RecordTidyDeps;
  #running: Promise<void> | undefined;
  #dueMs = 0;
  #dueWrites = 0;

  constructor(deps: RecordTidyDeps) {
    this.#deps = deps;
  }

  /** Begins if it is time. `written`: records, all in all. */
  inTime(written: number): void {
    const { records, limits, logger, now, signal } = this.#deps;
    if (this.#running !== undefined || (now() < this.#dueMs && written < this.#dueWrites)) return;
    this.#dueMs = now() + limits.recordTidyMs;
    this.#dueWrites = written + limits.recordTidyWrites;
    this.#running = records
      .tidy(signal)
      .then(
        (deleted) => logger.info({ deleted }, 'records that newer ones took the place of were deleted'),
        (error: unknown) => logger.warn({ err: error }, 'old records could not be deleted'),
      )
      .finally(() => {
        this.#running = undefined;
      });
  }

  /** Resolves when what runs has ended. */
  async ended(): Promise<void> {
    await this.#running;
  }
}
