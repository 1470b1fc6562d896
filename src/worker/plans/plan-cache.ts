import { rmSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import path from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { Digest } from '../../core/ids.ts';
import { digestBytes, hasDigest } from '../../stores/plans/digest-bytes.ts';
import type { PlanReader } from '../../stores/plans/plans.ts';
import { Statements } from '../../stores/sqlite/statements.ts';

interface CacheEvents {
  /** What was kept did not hold what its digest says; it is asked from the store again. */
  corrupt(digest: Digest): void;
  /** The file couldn't be read or written (a full disk, say); the store is asked. */
  failed(error: unknown): void;
}

/** A row's own, beside what it keeps. */
const ROW_BYTES = 64;

/**
 * Plans and structures packed into one file on the worker's own disk, in front of the plan store: bounded in bytes,
 * the oldest go first, each is verified when it is read. Nothing in it is worth waiting for the disk.
 */
export class PlanCache implements PlanReader {
  readonly #database: Statements;
  readonly #maxBytes: number;
  readonly #source: PlanReader;
  readonly #events: CacheEvents;
  #bytes: number;

  private constructor(database: DatabaseSync, maxBytes: number, source: PlanReader, events: CacheEvents) {
    this.#database = new Statements(database);
    this.#maxBytes = maxBytes;
    this.#source = source;
    this.#events = events;
    this.#bytes = this.#database.sql('SELECT total(size) AS bytes FROM kept').get()?.['bytes'] as number;
  }

  /** Takes over what an earlier run left; a file that is none of its own is made anew. */
  static async open(
    directory: string,
    maxBytes: number,
    source: PlanReader,
    events: CacheEvents,
  ): Promise<PlanCache> {
    await mkdir(directory, { recursive: true });
    const file = path.join(directory, 'plans.db');
    try {
      return new PlanCache(openFile(file), maxBytes, source, events);
    } catch (error) {
      events.failed(error);
      for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });
      return new PlanCache(openFile(file), maxBytes, source, events);
    }
  }

  read(digest: Digest): Uint8Array | undefined {
    return this.#read(digest, () => this.#source.read(digest));
  }

  readStructure(digest: Digest): Uint8Array | undefined {
    return this.#read(digest, () => this.#source.readStructure(digest));
  }

  close(): void {
    this.#database.db.close();
    this.#source.close();
  }

  #read(digest: Digest, ask: () => Uint8Array | undefined): Uint8Array | undefined {
    const key = digestBytes(digest);
    const kept = this.#try(() => {
      const row = this.#database.sql('SELECT bytes FROM kept WHERE digest = ?').get(key);
      return row?.['bytes'] as Uint8Array | undefined;
    });
    if (kept !== undefined && hasDigest(kept, key)) return kept;
    if (kept !== undefined) {
      this.#events.corrupt(digest);
      this.#try(() => this.#delete('SELECT id FROM kept WHERE digest = ?', key));
    }
    const bytes = ask();
    if (bytes !== undefined) this.#try(() => this.#keep(key, bytes));
    return bytes;
  }

  #keep(key: Uint8Array, bytes: Uint8Array): void {
    const size = bytes.byteLength + ROW_BYTES;
    if (size > this.#maxBytes) return;
    const before = this.#bytes;
    try {
      this.#database.transaction(() => this.#insert(key, size, bytes));
    } catch (error) {
      this.#bytes = before;
      throw error;
    }
  }

  #insert(key: Uint8Array, size: number, bytes: Uint8Array): void {
    while (this.#bytes + size > this.#maxBytes && this.#delete('SELECT min(id) AS id FROM kept'));
    this.#database.sql('INSERT INTO kept (digest, size, bytes) VALUES (?, ?, ?)').run(key, size, bytes);
    this.#bytes += size;
  }

  /** The row that the query names; false: there is none. */
  #delete(
    query: 'SELECT id FROM kept WHERE digest = ?' | 'SELECT min(id) AS id FROM kept',
    key?: Uint8Array,
  ): boolean {
    const args = key === undefined ? [] : [key];
    const row = this.#database.sql(`DELETE FROM kept WHERE id = (${query}) RETURNING size`).get(...args);
    if (row === undefined) return false;
    this.#bytes -= row['size'] as number;
    return true;
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

/** Not synced: what a power cut leaves is verified, or asked for again. */
function openFile(file: string): DatabaseSync {
  const database = new DatabaseSync(file);
  try {
    database.exec(`
      PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF;
      CREATE TABLE IF NOT EXISTS kept (
        id INTEGER PRIMARY KEY AUTOINCREMENT, digest BLOB NOT NULL UNIQUE, size INTEGER NOT NULL, bytes BLOB NOT NULL
      ) STRICT;
    `);
    return database;
  } catch (error) {
    database.close();
    throw error;
  }
}
