import type { ShoalError } from '../../../core/errors.ts';
import type { Fence } from '../../leader/leader.ts';
import { unavailable } from '../../redis/failure.ts';
import type { Position } from '../position.ts';

export type Refused = 'leader' | 'none' | 'other' | 'behind' | 'restarted' | 'interrupted';

const REFUSALS: Readonly<Record<Refused, string>> = {
  leader: 'this manager does not lead, and only the one that leads changes the registry',
  none: 'it has no history: it is empty or being restored',
  other: 'it has another history than this manager knows, and is compared with the object store first',
  behind: 'it has lost changes that this manager knows, and gets them back first',
  restarted:
    'Redis was started anew, or another server has taken its place: it may have lost changes, and is compared with the object store first',
  interrupted: 'Redis was emptied or started anew while the registry was being restored',
};

export interface HistoryDeps {
  /** What this process writes under; undefined: it doesn't lead. */
  readonly fence: () => Fence | undefined;
  /**
   * Redis has no history, or another one, or has (or may have) lost changes. Told each time that it is seen, before the call that saw
   * it ends; who leads makes no change from then on until it has compared Redis with what was acknowledged.
   */
  readonly onWentBack: () => void;
}

/** What this process knows of the registry's history: the furthest that any call has shown. */
export class History {
  readonly where = 'registry in Redis';
  readonly #deps: HistoryDeps;
  #known: Position | undefined;
  #restoring = 0;

  constructor(deps: HistoryDeps) {
    this.#deps = deps;
  }

  get known(): Position | undefined {
    return this.#known;
  }

  fence(): Fence {
    const fence = this.#deps.fence();
    if (fence === undefined) throw this.refusal('leader');
    return fence;
  }

  /**
   * Takes note of where the registry was when it answered; `before`: what was known when it was asked, since answers of
   * two connections may cross. Returns why that answer is not to be used. Another history is told and then taken as it
   * is: who leads and was told compares it with what was acknowledged before it makes changes in it.
   */
  see(seen: Position | undefined, before: Position | undefined): Refused | undefined {
    const why = this.#judge(seen, before);
    if (why !== undefined) this.#tell();
    return why;
  }

  #judge(seen: Position | undefined, before: Position | undefined): Refused | undefined {
    if (seen === undefined) return 'none';
    const known = this.#known;
    if (known === undefined || known.history === seen.history) {
      if (before?.history === seen.history && seen.revision < before.revision) return 'behind';
      if (known === undefined || known.revision < seen.revision) this.#known = seen;
      return undefined;
    }
    // Asked before the history that is known by now: no news.
    if (before?.history !== known.history) return undefined;
    this.#known = seen;
    if (this.#deps.fence() !== undefined) return 'other';
    this.#tell();
    return undefined;
  }

  refused(why: Refused): ShoalError {
    if (why !== 'leader') this.#tell();
    return this.refusal(why);
  }

  refusal(why: Refused): ShoalError {
    return unavailable(this.where, REFUSALS[why]);
  }

  /** While it runs it is no news that there is no history. */
  async restore(run: () => Promise<Position>): Promise<Position> {
    this.#restoring++;
    try {
      this.#known = await run();
      return this.#known;
    } finally {
      this.#restoring--;
    }
  }

  #tell(): void {
    if (this.#restoring === 0) this.#deps.onWentBack();
  }
}

/** A history's name and revision as scripts tell them. */
export function positionFrom(history: unknown, revision: unknown): Position | undefined {
  if (typeof history !== 'string' || history === '') return undefined;
  return { history, revision: Number(revision) };
}
