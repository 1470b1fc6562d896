import type { Limits } from '../core/limits.ts';
import type { Members, WorkerDeath } from '../stores/members/members.ts';
import type { ModelKey } from '../wire/model-key.ts';

/** Reports that are remembered, none for longer than any request of then can last. */
const MAX_REPORTS = 64;

interface Report extends WorkerDeath {
  readonly atMs: number;
}

export interface AutopsiesDeps {
  readonly limits: Pick<Limits, 'autopsyMs' | 'deadlineMs'>;
  readonly now: () => number;
}

/** A connection that ended: reports that came since it began are about the process at its other end. */
export interface LostConnection {
  readonly worker: string;
  readonly connectedAtMs: number;
}

/** What the workers that died were at, and so which requests only waited beside that. */
export class Autopsies {
  readonly #deps: AutopsiesDeps;
  readonly #waiting = new Set<(report: Report) => void>();
  readonly #unwatch: () => void;
  #reports: Report[] = [];

  constructor(members: Pick<Members, 'watchDeaths'>, deps: AutopsiesDeps) {
    this.#deps = deps;
    this.#unwatch = members.watchDeaths((death) => this.#onDeath(death));
  }

  /**
   * Whether the model may have been at work in the process that is gone. The report may come a moment after the
   * connection's end, or never (a cut network, a frozen machine): true after `limits.autopsyMs`.
   */
  wasAtWork(lost: LostConnection, key: ModelKey): Promise<boolean> {
    const isAbout = (report: Report): boolean =>
      report.worker === lost.worker && report.atMs >= lost.connectedAtMs;
    const known = this.#reports.find(isAbout);
    if (known !== undefined) return Promise.resolve(known.atWork.includes(key));
    return new Promise((resolve) => {
      const settle = (wasAtWork: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(hear);
        resolve(wasAtWork);
      };
      const hear = (report: Report): void => {
        if (isAbout(report)) settle(report.atWork.includes(key));
      };
      const timer = setTimeout(() => settle(true), this.#deps.limits.autopsyMs);
      this.#waiting.add(hear);
    });
  }

  /** Whether the model was at work in a process that died lately. */
  tellsOf(key: ModelKey): boolean {
    this.#dropOld();
    return this.#reports.some(({ atWork }) => atWork.includes(key));
  }

  close(): void {
    this.#unwatch();
  }

  #dropOld(): void {
    const { limits, now } = this.#deps;
    const sinceMs = now() - limits.deadlineMs;
    // The oldest first, and asked for each request that is lost.
    if (this.#reports[0] !== undefined && this.#reports[0].atMs < sinceMs) {
      this.#reports = this.#reports.filter(({ atMs }) => atMs >= sinceMs);
    }
  }

  #onDeath(death: WorkerDeath): void {
    this.#dropOld();
    const report = { ...death, atMs: this.#deps.now() };
    this.#reports = [...this.#reports.slice(1 - MAX_REPORTS), report];
    for (const hear of this.#waiting) hear(report);
  }
}
