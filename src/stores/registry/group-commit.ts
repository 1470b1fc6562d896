import { ShoalError } from '../../core/errors.ts';
import type { RegisterOutcome, Registration } from './registry.ts';

interface Waiting {
  readonly registrations: readonly Registration[];
  readonly resolve: (outcomes: RegisterOutcome[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * While one commit is under way, what arrives waits and is committed together with the next: a commit costs a
 * sync of the disk however many registrations are in it. Nothing waits when no commit is under way.
 */
export class GroupCommit {
  readonly #maxGroup: number;
  readonly #maxWaiting: number;
  readonly #commit: (registrations: readonly Registration[]) => Promise<RegisterOutcome[]>;
  #waiting: Waiting[] = [];
  #waitingCount = 0;
  #running = false;

  constructor(
    maxGroup: number,
    maxWaiting: number,
    commit: (registrations: readonly Registration[]) => Promise<RegisterOutcome[]>,
  ) {
    this.#maxGroup = maxGroup;
    this.#maxWaiting = maxWaiting;
    this.#commit = commit;
  }

  async add(registrations: readonly Registration[]): Promise<RegisterOutcome[]> {
    if (this.#waitingCount >= this.#maxWaiting) {
      throw new ShoalError(
        'STORE_UNAVAILABLE',
        `registry: ${this.#waitingCount} registrations are waiting already`,
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<RegisterOutcome[]>();
    this.#waiting.push({ registrations, resolve, reject });
    this.#waitingCount += registrations.length;
    if (!this.#running) void this.#run();
    return promise;
  }

  async #run(): Promise<void> {
    this.#running = true;
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup();
      try {
        const outcomes = await this.#commit(group.flatMap((each) => each.registrations));
        let at = 0;
        for (const each of group) {
          each.resolve(outcomes.slice(at, at + each.registrations.length));
          at += each.registrations.length;
        }
      } catch (error) {
        for (const each of group) each.reject(error);
      }
    }
    this.#running = false;
  }

  /** In order, and never part of a call: each call is one commit. */
  #takeGroup(): Waiting[] {
    let count = 0;
    let taken = 0;
    for (const each of this.#waiting) {
      if (taken > 0 && count + each.registrations.length > this.#maxGroup) break;
      count += each.registrations.length;
      taken++;
    }
    this.#waitingCount -= count;
    return this.#waiting.splice(0, taken);
  }
}
