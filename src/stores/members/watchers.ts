/** Who wants to be told of something. */
export class Watchers<T> {
  readonly #watchers = new Set<(news: T) => void>();

  /** Returns the way to stop. */
  add(callback: (news: T) => void): () => void {
    // A function of our own, so that one callback given twice is two watches.
    const watcher = (news: T): void => callback(news);
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  tell(news: T): void {
    for (const watcher of this.#watchers) watcher(news);
  }
}
