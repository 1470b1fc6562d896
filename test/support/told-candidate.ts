import { KnownLeader } from '../../src/stores/leader/known-leader.ts';
import type { Candidate, Fence, Leader, StandingCandidate } from '../../src/stores/leader/leader.ts';

/** A manager that leads when the test says so. */
export class ToldCandidate implements Candidate, Pick<StandingCandidate, 'stepAside'> {
  readonly id = 'told';
  stepsAside = 0;
  readonly #known = new KnownLeader();

  lead(term: number | undefined): void {
    this.#known.set(term === undefined ? undefined : { id: this.id, address: 'http://told', term });
  }

  current(): Leader | undefined {
    return this.#known.current;
  }

  fence(): Fence | undefined {
    const leader = this.#known.current;
    return leader === undefined ? undefined : { leader: leader.id, term: leader.term };
  }

  watch(onChange: (leader: Leader | undefined) => void): () => void {
    return this.#known.watch(onChange);
  }

  /** It leads no more; who tells it may let it lead again. */
  async stepAside(): Promise<void> {
    this.stepsAside++;
    this.lead(undefined);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
