import type { ObjectHead, ObjectStore } from './objects.ts';

/** What was found whole so lately, and was not replaced since, is taken to be whole still. */
const TRUSTED_MS = 10 * 60_000;
/** A use is written down as a new age when the one before is older than this. */
const TOUCH_MS = 10 * 60_000;
const MAX_REMEMBERED = 10_000;

interface Seen {
  readonly etag: string;
  readonly atMs: number;
}

/** Whether objects hold what their names say, and their uses. */
export class SoundObjects {
  readonly #objects: ObjectStore;
  readonly #seen = new Map<string, Seen>();
  readonly #now: () => number;

  /** `now`: milliseconds since 1970, as the store has them. */
  constructor(objects: ObjectStore, now: () => number = Date.now) {
    this.#objects = objects;
    this.#now = now;
  }

  /**
   * Whether it is there with its right content, which is then used now. `isRight` is asked when that isn't known from
   * lately.
   */
  async use(key: string, isRight: (head: ObjectHead) => Promise<boolean>): Promise<boolean> {
    const head = await this.#objects.head(key);
    if (head === undefined) {
      this.#seen.delete(key);
      return false;
    }
    const seen = this.#seen.get(key);
    const isTrusted = seen !== undefined && seen.etag === head.etag && this.#now() - seen.atMs < TRUSTED_MS;
    if (!isTrusted) {
      this.#seen.delete(key);
      if (!(await isRight(head))) return false;
      this.#remember(key, { etag: head.etag, atMs: this.#now() });
    }
    if (this.#now() - head.modifiedMs < TOUCH_MS) return true;
    return this.#objects.touch(key);
  }

  /** Deletes what nobody has put or used for so long; answers whether it did. */
  async deleteUnused(key: string, unusedMs: number): Promise<boolean> {
    const head = await this.#objects.head(key);
    if (head === undefined || this.#now() - head.modifiedMs < unusedMs) return false;
    this.#seen.delete(key);
    await this.#objects.delete(key);
    return true;
  }

  forget(key: string): void {
    this.#seen.delete(key);
  }

  #remember(key: string, seen: Seen): void {
    this.#seen.set(key, seen);
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= MAX_REMEMBERED) break;
      this.#seen.delete(oldest);
    }
  }
}
