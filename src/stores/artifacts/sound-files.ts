import { createHash } from 'node:crypto';
import { open, stat } from 'node:fs/promises';
import type { Digest } from '../../core/ids.ts';
import { errnoCode } from '../store-error.ts';

const CHUNK_BYTES = 1024 * 1024;
/** What was found whole so lately, and has not been written to since, is taken to be whole still. */
const TRUSTED_MS = 10 * 60_000;
const MAX_REMEMBERED = 10_000;
/** Times of files move in steps: a write right after the one that is seen may leave the same time. */
const SETTLED_MS = 1_000;

interface Seen {
  /** Every write, rename or change of times by anybody gives the file another. */
  readonly changedNs: bigint;
  readonly atMs: number;
}

/**
 * Whether files hold what their names say. Registering many models that share an artifact asks for the same few
 * files over and over, and hashing takes 0.6 ms a megabyte of the thread that serves requests.
 */
export class SoundFiles {
  readonly #seen = new Map<Digest, Seen>();
  readonly #now: () => number;

  /** `now`: milliseconds of the clock that files have their times of. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** When the file was last used; undefined when it isn't there or is corrupt. */
  async usedMs(digest: Digest, path: string): Promise<number | undefined> {
    try {
      const seen = this.#seen.get(digest);
      if (seen !== undefined && this.#now() - seen.atMs < TRUSTED_MS) {
        const { ctimeNs, mtimeMs } = await stat(path, { bigint: true });
        if (ctimeNs === seen.changedNs) return Number(mtimeMs);
      }
      this.#seen.delete(digest);
      return await this.#check(digest, path);
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async #check(digest: Digest, path: string): Promise<number | undefined> {
    await using file = await open(path, 'r');
    const { size, mtimeMs, ctimeNs } = await file.stat({ bigint: true });
    const hash = createHash('sha256');
    const buffer = Buffer.allocUnsafe(Math.min(Number(size), CHUNK_BYTES));
    for (let at = 0; at < Number(size); ) {
      const { bytesRead } = await file.read(buffer);
      if (bytesRead === 0) return undefined;
      hash.update(buffer.subarray(0, bytesRead));
      at += bytesRead;
    }
    if (`sha256:${hash.digest('hex')}` !== digest) return undefined;
    const atMs = this.#now();
    if (atMs - Number(ctimeNs / 1_000_000n) > SETTLED_MS)
      this.#remember(digest, { changedNs: ctimeNs, atMs });
    return Number(mtimeMs);
  }

  #remember(digest: Digest, seen: Seen): void {
    this.#seen.set(digest, seen);
    for (const oldest of this.#seen.keys()) {
      if (this.#seen.size <= MAX_REMEMBERED) break;
      this.#seen.delete(oldest);
    }
  }
}
