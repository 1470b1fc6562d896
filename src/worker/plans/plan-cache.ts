import { rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Digest } from '../../core/ids.ts';
import { digestBytes, hasDigest } from '../../stores/plans/digest-bytes.ts';
import type { PlanReader } from '../../stores/plans/plans.ts';
import { Statements } from '../../stores/sqlite/statements.ts';

const BY_DIGEST = 'SELECT id FROM contents WHERE digest = ?';
const OLDEST = 'SELECT min(id) FROM contents';

interface CacheEvents {
  /** What was kept did not hold what its digest says; it is asked from the store again. */
  corrupt(digest: Digest): void;
  /** The file couldn't be read or written (a full disk, say); the store is asked. */
  failed(error: unknown): void;
}

const PAGE_BYTES = 8_192;
/** What the tables themselves may grow by for one more row. */
const GROWTH_PAGES = 4;
/** Of the bound, this is for the log of what was just written; it is emptied at a quarter of that. */
const LOG_SHARE = 0.25;
/** What is larger, as a share of the bound, is not kept: it would have to fit into the log. */
const MAX_ROW_SHARE = 0.125;

/**
 * Plans and structures packed into one file on the worker's own disk: bounded in bytes, the oldest go first, each is
 * verified when it is read. Nothing in it is worth waiting for the disk.
 */
export class PlanCache {
  readonly #database: Statements;
  readonly #maxBytes: number;
  readonly #maxPages: number;
  readonly #events: CacheEvents;

  private constructor(database: DatabaseSync, maxBytes: number, events: CacheEvents) {
    this.#database = new Statements(database);
    this.#maxBytes = maxBytes;
    this.#maxPages = (maxBytes * (1 - LOG_SHARE)) / PAGE_BYTES;
    this.#events = events;
  }

  /** Takes over what an earlier run left; a file that is none of its own is made anew. */
  static async open(directory: string, maxBytes: number, events: CacheEvents): Promise<PlanCache> {
    await mkdir(directory, { recursive: true });
    const file = path.join(directory, 'plans.db');
    try {
      return new PlanCache(openFile(file, maxBytes), maxBytes, events);
    } catch (error) {
      events.failed(error);
      for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
      return new PlanCache(openFile(file, maxBytes), maxBytes, events);
    }
  }

  read(digest: Digest): Uint8Array | undefined {
    const key = digestBytes(digest);
    const kept = this.#try(() => {
      const row = this.#database.sql('SELECT bytes FROM contents WHERE digest = ?').get(key);
      return row?.['bytes'] as Uint8Array | undefined;
    });
    if (kept !== undefined && hasDigest(kept, key)) return kept;
    if (kept !== undefined) {
      this.#events.corrupt(digest);
      this.#try(() => this.#delete(BY_DIGEST, key));
    }
    return undefined;
  }

  /** As the newest; false when it isn't kept. */
  keep(digest: Digest, bytes: Uint8Array): boolean {
    if (bytes.byteLength > MAX_ROW_SHARE * this.#maxBytes) return false;
    return (
      this.#try(() => this.#database.transaction(() => this.#insert(digestBytes(digest), bytes))) === true
    );
  }

  close(): void {
    this.#database.db.close();
  }

  #insert(key: Uint8Array, bytes: Uint8Array): boolean {
    this.#delete(BY_DIGEST, key);
    const pages = Math.ceil(bytes.byteLength / PAGE_BYTES) + GROWTH_PAGES;
    while (this.#usedPages() + pages > this.#maxPages && this.#delete(OLDEST));
    if (this.#usedPages() + pages > this.#maxPages) return false;
    this.#database.sql('INSERT INTO contents (digest, bytes) VALUES (?, ?)').run(key, bytes);
    return true;
  }

  /** The file has those, and the free ones that there ever were at once. */
  #usedPages(): number {
    const count = this.#database.sql('PRAGMA page_count').get()?.['page_count'] as number;
    const free = this.#database.sql('PRAGMA freelist_count').get()?.['freelist_count'] as number;
    return count - free;
  }

  /** The row that the query names; false: there is none. */
  #delete(query: typeof BY_DIGEST | typeof OLDEST, key?: Uint8Array): boolean {
    const args = key === undefined ? [] : [key];
    return this.#database.sql(`DELETE FROM contents WHERE id = (${query})`).run(...args).changes > 0;
  }

  #try<T>(action: () => T): T | undefined {
    try {
      return action();
    } catch (error) {
      this.#events.failed(error);
      return undefined;
    }
  }
}

/** A cache in front of a plan store. */
export function cachedPlans(cache: PlanCache, store: PlanReader): PlanReader {
  const read = (digest: Digest, ask: () => Uint8Array | undefined): Uint8Array | undefined => {
    const kept = cache.read(digest);
    if (kept !== undefined) return kept;
    const bytes = ask();
    if (bytes !== undefined) cache.keep(digest, bytes);
    return bytes;
  };
  return {
    read: (digest) => read(digest, () => store.read(digest)),
    readStructure: (digest) => read(digest, () => store.readStructure(digest)),
    close() {
      cache.close();
      store.close();
    },
  };
}

/** Not synced: what a power cut leaves is verified, or asked for again. */
function openFile(file: string, maxBytes: number): DatabaseSync {
  const logPages = Math.max(
    1,
    Math.floor(Math.min(8 * 1024 * 1024, (LOG_SHARE / 4) * maxBytes) / PAGE_BYTES),
  );
  const database = new DatabaseSync(file);
  try {
    database.exec(`
      PRAGMA page_size = ${PAGE_BYTES}; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
      PRAGMA wal_autocheckpoint = ${logPages};
      DROP TABLE IF EXISTS kept; -- An earlier version's.
      CREATE TABLE IF NOT EXISTS contents (
        id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, bytes BLOB NOT NULL
      ) STRICT;
    `);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
