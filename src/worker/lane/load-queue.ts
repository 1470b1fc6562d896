import { ShoalError } from '../../core/errors.ts';
import { AVERAGE_SHARE, type LoadJob, UNSEEN_LOAD_US } from './batch.ts';
import type { Suspects } from './suspects.ts';

/**
 * Loads that wait for a lane, first come first served. While runs wait as well, a load goes only when runs have had as
 * much of the thread as the load before took: loads have at most half of a busy lane, however many of them wait.
 */
export class LoadQueue {
  readonly #suspects: Suspects;
  #jobs: LoadJob[] = [];
  #owedUs = 0;
  #averageUs = UNSEEN_LOAD_US;

  constructor(suspects: Suspects) {
    this.#suspects = suspects;
  }

  /** What those that wait are taken to last. */
  get waitingUs(): number {
    return this.#jobs.length * this.#averageUs;
  }

  /** What one load is taken to last. */
  get averageUs(): number {
    return this.#averageUs;
  }

  /** One may go before the runs that wait. */
  get isDue(): boolean {
    return this.#jobs.length > 0 && this.#owedUs <= 0;
  }

  push(job: LoadJob): void {
    this.#jobs.push(job);
  }

  /** The next that may go. Those that nobody waits for any more are dropped on the way. */
  take(): LoadJob | undefined {
    const dropped = this.#jobs.filter((job) => !job.isWanted());
    if (dropped.length > 0) {
      this.#jobs = this.#jobs.filter((job) => !dropped.includes(job));
      for (const job of dropped)
        job.reject(new ShoalError('OVERLOADED', 'nobody waits for the load any more'));
    }
    const index = this.#jobs.findIndex(({ key }) => this.#suspects.mayEnter || !this.#suspects.has(key));
    return index < 0 ? undefined : this.#jobs.splice(index, 1)[0];
  }

  takeAll(): LoadJob[] {
    return this.#jobs.splice(0);
  }

  onLoaded(loadUs: number): void {
    this.#averageUs += AVERAGE_SHARE * (loadUs - this.#averageUs);
    this.#owedUs = loadUs;
  }

  onRuns(runUs: number): void {
    this.#owedUs -= runUs;
  }
}
