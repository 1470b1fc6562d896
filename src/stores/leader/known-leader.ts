import { Watchers } from '../members/watchers.ts';
import type { Leader } from './leader.ts';

/** Who leads as last heard, and who wants to hear of it. */
export class KnownLeader {
  readonly #watchers = new Watchers<Leader | undefined>();
  #leader: Leader | undefined;

  get current(): Leader | undefined {
    return this.#leader;
  }

  set(leader: Leader | undefined): void {
    const before = this.#leader;
    if (before?.id === leader?.id && before?.term === leader?.term && before?.address === leader?.address)
      return;
    this.#leader = leader;
    this.#watchers.tell(leader);
  }

  watch(onChange: (leader: Leader | undefined) => void): () => void {
    return this.#watchers.add(onChange);
  }
}
