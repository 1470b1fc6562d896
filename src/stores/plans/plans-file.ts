import type { FileKind } from '../sqlite/file.ts';

/**
 * A plan's row is small and lies apart from its bytes, so that a use or a listing touches no bytes, and those are
 * written one after the other and not where their digest falls.
 *
 * Pages of 8 KiB: 1 KB is read in 10 us and 100 KB in 100 us, both with their hash; with 4 KiB the latter takes 150.
 * All pages are not looked at when the file is opened, which would read every plan: each is verified when it is read.
 */
export const PLANS_FILE: FileKind = {
  store: 'plan store',
  // "Shop"
  applicationId: 0x53686f70,
  steps: [
    `
  CREATE TABLE plans (
    digest BLOB PRIMARY KEY, id INTEGER NOT NULL, structure INTEGER NOT NULL, used INTEGER NOT NULL,
    size INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE contents (id INTEGER PRIMARY KEY, bytes BLOB NOT NULL) STRICT;
  CREATE TABLE structures (
    id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, plans INTEGER NOT NULL, json BLOB NOT NULL
  ) STRICT;
`,
  ],
  pageBytes: 8_192,
  checksPages: false,
};

/** By the digest's 32 bytes. */
export const SELECT_PLAN =
  'SELECT bytes FROM contents WHERE id = (SELECT id FROM plans WHERE digest = ?)' as const;
export const SELECT_STRUCTURE = 'SELECT json AS bytes FROM structures WHERE digest = ?' as const;
