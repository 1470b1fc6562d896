import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ShoalError } from '../../core/errors.ts';

/** One kind of store that is a SQLite file. */
export interface FileKind {
  /** For messages. */
  readonly store: string;
  /** In the file's header: says that it is of this kind. */
  readonly applicationId: number;
  /**
   * How the schema came about, step by step; a file's schema is the number of steps it has taken, and opening it
   * takes the rest. A step that was released is never changed.
   */
  readonly steps: readonly string[];
  readonly pageBytes: number;
  /** Reads every page at opening; otherwise what it gives out must be checked when it is read. */
  readonly checksPages: boolean;
}

/** Opens a store's file, or makes it. One that is damaged or of another kind is refused, untouched. */
export function openSqliteFile(path: string, kind: FileKind): DatabaseSync {
  if (existsSync(path)) check(path, kind);
  else create(path, kind);
  const db = new DatabaseSync(path, { timeout: 5_000 });
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    takeSteps(db, kind, schemaOf(db));
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** Its readers are on threads that must not stand still: a locked file is an error that is tried again. */
const READER_TIMEOUT_MS = 50;

/** For a process beside the one that writes. The file is there. */
export function openSqliteReader(path: string, kind: FileKind): DatabaseSync {
  check(path, { ...kind, checksPages: false });
  return new DatabaseSync(path, { readOnly: true, timeout: READER_TIMEOUT_MS });
}

/** A new file gets its name only when it is whole, so an existing one that isn't is damage, not a beginning. */
function create(path: string, kind: FileKind): void {
  const directory = dirname(path);
  mkdirSync(directory, { recursive: true });
  for (const suffix of ['-wal', '-shm', '-journal']) {
    if (existsSync(path + suffix)) {
      const why = `is missing, but its companion ${path}${suffix} is there: restore it, or remove both`;
      throw refused(path, kind, why);
    }
  }
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  rmSync(`${draft}-journal`, { force: true });
  const db = new DatabaseSync(draft);
  try {
    const { pageBytes, applicationId } = kind;
    db.exec(
      `PRAGMA page_size = ${pageBytes}; PRAGMA synchronous = FULL; PRAGMA application_id = ${applicationId};`,
    );
    takeSteps(db, kind, 0);
  } finally {
    db.close();
  }
  renameSync(draft, path);
  const handle = openSync(directory, 'r');
  try {
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

/** All or none: what fails leaves the file with the schema that it had. */
function takeSteps(db: DatabaseSync, { steps }: FileKind, from: number): void {
  if (from === steps.length) return;
  db.exec(`BEGIN IMMEDIATE; ${steps.slice(from).join('')} PRAGMA user_version = ${steps.length}; COMMIT`);
}

function schemaOf(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
}

/**
 * Read-only, so that what is refused stays as it was. quick_check reads every page and checks the trees, in
 * a fraction of integrity_check's time, which sorts every index again.
 */
function check(path: string, kind: FileKind): void {
  const header = Buffer.alloc(72);
  const handle = openSync(path, 'r');
  try {
    const length = readSync(handle, header, 0, header.length, 0);
    if (length < header.length) throw refused(path, kind, `is damaged: it has only ${length} bytes`);
  } finally {
    closeSync(handle);
  }
  if (header.toString('latin1', 0, 16) !== 'SQLite format 3\0')
    throw refused(path, kind, 'is not a SQLite database');
  if (header.readInt32BE(68) !== kind.applicationId)
    throw refused(path, kind, 'is a database of another application');
  let finding: unknown;
  let schema = 0;
  try {
    const db = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
    try {
      finding = kind.checksPages ? db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'] : 'ok';
      schema = schemaOf(db);
    } finally {
      db.close();
    }
  } catch (error) {
    finding = error instanceof Error ? error.message : String(error);
  }
  if (finding !== 'ok') throw refused(path, kind, `is damaged: ${String(finding)}`);
  const known = kind.steps.length;
  if (schema < 1 || schema > known)
    throw refused(path, kind, `has schema ${schema}, this version of Shoal reads 1 to ${known}`);
}

function refused(path: string, { store }: FileKind, why: string): ShoalError {
  return new ShoalError('STORE_UNAVAILABLE', `${store} ${path} ${why}. Nothing was changed.`);
}
