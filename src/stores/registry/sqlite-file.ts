import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, readSync, renameSync, rmSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { ShoalError } from '../../core/errors.ts';

/** In the file's header: says that it is ours ("Shoa"), and which schema it has. */
const APPLICATION_ID = 0x53686f61;

/**
 * How the schema came about, step by step; a file's schema is the number of steps it has taken, and opening it
 * takes the rest. A step that was released is never changed.
 *
 * Specs and configs stand once, however many versions share them. A change log row names what changed; its
 * state is read from the other tables. Revisions are consecutive, one a change, so the log's first and last
 * rows say how far back it reaches and where the registry stands.
 */
const STEPS = [
  `
  CREATE TABLE tenants (
    tenant TEXT PRIMARY KEY, settings TEXT NOT NULL, revision INTEGER NOT NULL, deleted INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE models (
    tenant TEXT NOT NULL, model TEXT NOT NULL, traffic TEXT NOT NULL, revision INTEGER NOT NULL,
    PRIMARY KEY (tenant, model)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE versions (
    tenant TEXT NOT NULL, model TEXT NOT NULL, version TEXT NOT NULL,
    digest TEXT NOT NULL, bytes INTEGER NOT NULL, prepared_digest TEXT NOT NULL,
    resident_bytes INTEGER NOT NULL, load_ms REAL NOT NULL, run_ms REAL NOT NULL,
    spec_id INTEGER NOT NULL REFERENCES specs, config_id INTEGER NOT NULL REFERENCES configs,
    revision INTEGER NOT NULL,
    PRIMARY KEY (tenant, model, version)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE specs (id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, json TEXT NOT NULL) STRICT;
  CREATE TABLE configs (id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, json TEXT NOT NULL) STRICT;
  CREATE TABLE changes (revision INTEGER PRIMARY KEY, tenant TEXT NOT NULL, model TEXT) STRICT;
`,
  // Strikes: a JSON array of {atMs, crash}. Quarantine: JSON. Null for nearly all.
  `
  ALTER TABLE versions ADD COLUMN strikes TEXT;
  ALTER TABLE versions ADD COLUMN quarantine TEXT;
  ALTER TABLE models ADD COLUMN min_copies INTEGER NOT NULL DEFAULT 0;
`,
  // Few versions have strikes: those are found without reading all.
  `
  CREATE INDEX struck_versions ON versions (tenant) WHERE strikes IS NOT NULL;
`,
];

/** Opens the registry's file, or makes it. A file that is damaged or not a registry is refused, untouched. */
export function openRegistryFile(path: string): DatabaseSync {
  if (existsSync(path)) check(path);
  else create(path);
  const db = new DatabaseSync(path, { timeout: 5_000 });
  try {
    db.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;');
    takeSteps(db, schemaOf(db));
    // A closed row's spec and config stay until here: nobody can hold their numbers now.
    db.exec(`
      DELETE FROM specs WHERE id NOT IN (SELECT spec_id FROM versions);
      DELETE FROM configs WHERE id NOT IN (SELECT config_id FROM versions);
      PRAGMA foreign_keys = ON;
    `);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

/** A new file gets its name only when it is whole, so an existing one that isn't is damage, not a beginning. */
function create(path: string): void {
  const directory = dirname(path);
  mkdirSync(directory, { recursive: true });
  for (const suffix of ['-wal', '-shm', '-journal']) {
    if (existsSync(path + suffix)) {
      throw refused(
        path,
        `is missing, but its companion ${path}${suffix} is there: restore it, or remove both`,
      );
    }
  }
  const draft = `${path}.new`;
  rmSync(draft, { force: true });
  rmSync(`${draft}-journal`, { force: true });
  const db = new DatabaseSync(draft);
  try {
    db.exec(`PRAGMA synchronous = FULL; PRAGMA application_id = ${APPLICATION_ID};`);
    takeSteps(db, 0);
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
function takeSteps(db: DatabaseSync, from: number): void {
  if (from === STEPS.length) return;
  db.exec(`BEGIN IMMEDIATE; ${STEPS.slice(from).join('')} PRAGMA user_version = ${STEPS.length}; COMMIT`);
}

function schemaOf(db: DatabaseSync): number {
  return Number(db.prepare('PRAGMA user_version').get()?.['user_version']);
}

/**
 * Read-only, so that what is refused stays as it was. quick_check reads every page and checks the trees, in
 * a fraction of integrity_check's time, which sorts every index again.
 */
function check(path: string): void {
  const header = Buffer.alloc(72);
  const handle = openSync(path, 'r');
  try {
    const length = readSync(handle, header, 0, header.length, 0);
    if (length < header.length) throw refused(path, `is damaged: it has only ${length} bytes`);
  } finally {
    closeSync(handle);
  }
  if (header.toString('latin1', 0, 16) !== 'SQLite format 3\0')
    throw refused(path, 'is not a SQLite database');
  if (header.readInt32BE(68) !== APPLICATION_ID) throw refused(path, 'is a database of another application');
  let finding: unknown;
  let schema = 0;
  try {
    const db = new DatabaseSync(path, { readOnly: true, timeout: 5_000 });
    try {
      finding = db.prepare('PRAGMA quick_check(1)').get()?.['quick_check'];
      schema = schemaOf(db);
    } finally {
      db.close();
    }
  } catch (error) {
    finding = error instanceof Error ? error.message : String(error);
  }
  if (finding !== 'ok') throw refused(path, `is damaged: ${String(finding)}`);
  if (schema < 1 || schema > STEPS.length) {
    throw refused(path, `has schema ${schema}, this version of Shoal reads 1 to ${STEPS.length}`);
  }
}

function refused(path: string, why: string): ShoalError {
  return new ShoalError('STORE_UNAVAILABLE', `registry ${path} ${why}. Nothing was changed.`);
}
