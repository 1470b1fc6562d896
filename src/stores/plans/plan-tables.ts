import type { Digest } from '../../core/ids.ts';
import type { Statements } from '../sqlite/statements.ts';
import { digestBytes, digestText, hasDigest } from './digest-bytes.ts';
import type { ListedPlan, StoredPlan } from './plans.ts';
import { SELECT_PLAN } from './plans-file.ts';

/** One of the changes that share a commit. Each has a yes or no: put has always yes. */
export type PlanChange =
  | { readonly kind: 'put'; readonly plan: StoredPlan }
  | { readonly kind: 'hold'; readonly digest: Digest }
  | { readonly kind: 'delete'; readonly digest: Digest; readonly unusedMs: number };

/** What crosses between the store's client and the thread that owns the database. */
export interface PlanOperations {
  change(changes: readonly PlanChange[], nowMs: number): boolean[];
  list(after: Digest | undefined, limit: number): ListedPlan[];
  close(): void;
}

/** A use is written down only so long after the one before: it costs a commit. */
const TOUCH_MS = 10 * 60_000;

interface PlanRow {
  readonly id: number;
  readonly structure: number;
  readonly used: number;
}

/** The writing side, in the thread. */
export class PlanTables implements PlanOperations {
  readonly #tables: Statements;

  constructor(tables: Statements) {
    this.#tables = tables;
  }

  change(changes: readonly PlanChange[], nowMs: number): boolean[] {
    return this.#tables.transaction(() => changes.map((change) => this.#change(change, nowMs)));
  }

  list(after: Digest | undefined, limit: number): ListedPlan[] {
    const from = after === undefined ? new Uint8Array() : digestBytes(after);
    return this.#tables
      .sql('SELECT digest, size, used FROM plans WHERE digest > ? ORDER BY digest LIMIT ?')
      .all(from, limit)
      .map(({ digest, size, used }) => ({
        digest: digestText(digest as Uint8Array),
        bytes: Number(size),
        usedMs: Number(used),
      }));
  }

  close(): void {
    this.#tables.db.close();
  }

  #change(change: PlanChange, nowMs: number): boolean {
    if (change.kind === 'put') return this.#put(change.plan, nowMs);
    const key = digestBytes(change.digest);
    return change.kind === 'hold' ? this.#hold(key, nowMs) : this.#delete(key, nowMs - change.unusedMs);
  }

  #put({ digest, bytes, structureDigest, structure }: StoredPlan, nowMs: number): boolean {
    const key = digestBytes(digest);
    const structureId = this.#putStructure(digestBytes(structureDigest), structure);
    const row = this.#row(key);
    if (row === undefined) {
      const { lastInsertRowid } = this.#tables.sql('INSERT INTO contents (bytes) VALUES (?)').run(bytes);
      this.#tables
        .sql('INSERT INTO plans VALUES (?, ?, ?, ?, ?)')
        .run(key, lastInsertRowid, structureId, nowMs, bytes.byteLength);
      this.#count(structureId, 1);
      return true;
    }
    if (!isSame(this.#tables.sql(SELECT_PLAN).get(key)?.['bytes'], bytes))
      this.#tables.sql('INSERT OR REPLACE INTO contents VALUES (?, ?)').run(row.id, bytes);
    if (row.structure !== structureId) {
      this.#tables.sql('UPDATE plans SET structure = ? WHERE digest = ?').run(structureId, key);
      this.#count(structureId, 1);
    }
    this.#touch(key, row, nowMs);
    return true;
  }

  /** The row of the structure, made or mended. */
  #putStructure(key: Buffer, json: Uint8Array): number {
    const found = this.#tables.sql('SELECT id, json FROM structures WHERE digest = ?').get(key);
    if (found === undefined) {
      const insert = this.#tables.sql('INSERT INTO structures (digest, plans, json) VALUES (?, 0, ?)');
      return Number(insert.run(key, json).lastInsertRowid);
    }
    const id = Number(found['id']);
    if (!isSame(found['json'], json))
      this.#tables.sql('UPDATE structures SET json = ? WHERE id = ?').run(json, id);
    return id;
  }

  #hold(key: Buffer, nowMs: number): boolean {
    const row = this.#row(key);
    if (row === undefined) return false;
    const bytes = this.#tables.sql(SELECT_PLAN).get(key)?.['bytes'] as Uint8Array | undefined;
    const structure = this.#tables
      .sql('SELECT digest, json FROM structures WHERE id = ?')
      .get(row.structure) as { digest: Uint8Array; json: Uint8Array } | undefined;
    if (bytes === undefined || structure === undefined) return false;
    if (!hasDigest(bytes, key) || !hasDigest(structure.json, structure.digest)) return false;
    this.#touch(key, row, nowMs);
    return true;
  }

  #delete(key: Buffer, usedBeforeMs: number): boolean {
    const row = this.#row(key);
    if (row === undefined || row.used > usedBeforeMs) return false;
    this.#tables.sql('DELETE FROM plans WHERE digest = ?').run(key);
    this.#tables.sql('DELETE FROM contents WHERE id = ?').run(row.id);
    this.#count(row.structure, -1);
    this.#tables.sql('DELETE FROM structures WHERE id = ? AND plans <= 0').run(row.structure);
    return true;
  }

  #row(key: Buffer): PlanRow | undefined {
    const row = this.#tables.sql('SELECT id, structure, used FROM plans WHERE digest = ?').get(key);
    return row as PlanRow | undefined;
  }

  #touch(key: Buffer, { used }: PlanRow, nowMs: number): void {
    if (nowMs - used < TOUCH_MS) return;
    this.#tables.sql('UPDATE plans SET used = ? WHERE digest = ?').run(nowMs, key);
  }

  #count(structureId: number, by: number): void {
    this.#tables.sql('UPDATE structures SET plans = plans + ? WHERE id = ?').run(by, structureId);
  }
}

function isSame(stored: unknown, bytes: Uint8Array): boolean {
  return stored instanceof Uint8Array && Buffer.compare(stored, bytes) === 0;
}
