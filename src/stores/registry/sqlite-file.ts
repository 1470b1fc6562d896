import type { DatabaseSync } from 'node:sqlite';
import { type FileKind, openSqliteFile } from '../sqlite/file.ts';

/**
 * Specs, configs and executors stand once, however many versions share them. A change log row names what changed; its
 * state is read from the other tables. Revisions of a history are consecutive, one a change, so the log's first and
 * last rows say how far back it reaches and where the registry stands.
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
  // What runs a version; null for those registered before there were plans.
  `
  CREATE TABLE executors (id INTEGER PRIMARY KEY AUTOINCREMENT, hash BLOB NOT NULL UNIQUE, json TEXT NOT NULL) STRICT;
  ALTER TABLE versions ADD COLUMN executor_id INTEGER REFERENCES executors;
`,
  // The one row: the history (null: none, it is being restored), and the revision at which it began.
  `
  CREATE TABLE history (id INTEGER PRIMARY KEY CHECK (id = 1), history TEXT, revision INTEGER NOT NULL) STRICT;
  INSERT INTO history SELECT 1, lower(hex(randomblob(8))), coalesce(max(revision), 0) FROM changes;
`,
];

const REGISTRY_FILE: FileKind = {
  store: 'registry',
  // "Shoa"
  applicationId: 0x53686f61,
  steps: STEPS,
  pageBytes: 4_096,
  checksPages: true,
};

/** Opens the registry's file, or makes it. A file that is damaged or not a registry is refused, untouched. */
export function openRegistryFile(path: string): DatabaseSync {
  const db = openSqliteFile(path, REGISTRY_FILE);
  try {
    // A closed row's spec, config and executor stay until here: nobody can hold their numbers now.
    db.exec(`
      DELETE FROM specs WHERE id NOT IN (SELECT spec_id FROM versions);
      DELETE FROM configs WHERE id NOT IN (SELECT config_id FROM versions);
      DELETE FROM executors WHERE id NOT IN (SELECT executor_id FROM versions WHERE executor_id IS NOT NULL);
      PRAGMA foreign_keys = ON;
    `);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
