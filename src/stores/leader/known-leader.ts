import type { Leader } from './leader.ts';

/** Who leads as last heard, and who wants to hear of it. */
export class KnownLeader {
  readonly #watchers = new Set<(leader: Leader | undefined) => void>();
  #leader: Leader | undefined;

  get current(): Leader | undefined {
    return this.#leader;
  }

  set(leader: Leader | undefined): void {
    const before = this.#leader;
    if (before?.id === leader?.id && before?.term === leader?.term && before?.address === leader?.address)
      return;
    this.#leader = leader;
    for (const watcher of this.#watchers) watcher(leader);
  }

  watch(onChange: (leader: Leader | undefined) => void): () => void {
    // A function of our own, so that one callback given twice is two watches.
    const watcher = (leader: Leader | undefined): void => onChange(leader);
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }
}
