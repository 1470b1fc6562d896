import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { ShoalError } from '../../core/errors.ts';
import type { Traffic } from '../../core/traffic-split.ts';
import { canonicalJson } from '../../model/canonical-json.ts';
import type { Position } from './position.ts';
import { deletedTenant, tooManyVersions } from './refusals.ts';
import type { Refusal } from './registry.ts';
import { parseTraffic } from './rows.ts';
import { Statements } from '../sqlite/statements.ts';
import type { RegistryLimits } from './sqlite-messages.ts';

/** The registry's database and its counter; what reads and writes share. */
export class Tables extends Statements {
  readonly limits: RegistryLimits;
  #history: string | undefined;
  #revision = 0;

  constructor(db: DatabaseSync, limits: RegistryLimits) {
    super(db);
    this.limits = limits;
    this.#readPosition();
  }

  get revision(): number {
    return this.#revision;
  }

  get position(): Position | undefined {
    return this.#history === undefined ? undefined : { history: this.#history, revision: this.#revision };
  }

  checkHistory(): void {
    if (this.#history !== undefined) return;
    throw new ShoalError(
      'STORE_UNAVAILABLE',
      'registry: it is being restored, or that did not come to its end',
    );
  }

  /** Ends the history, or begins one, from `revision` on: the log of the one before is over. */
  setHistory(history: string | null, revision: number): void {
    this.transaction(() => {
      this.sql('DELETE FROM changes').run();
      this.sql('UPDATE history SET history = ?, revision = ?').run(history, revision);
    });
    this.#readPosition();
  }

  /** All or nothing; the revision goes back with everything else. */
  change<T>(change: () => T): T {
    const before = this.#revision;
    try {
      return this.transaction(() => {
        const result = change();
        const oldest = this.#revision - this.limits.changeLogEntries;
        this.sql('DELETE FROM changes WHERE revision <= ?').run(oldest);
        return result;
      });
    } catch (error) {
      this.#revision = before;
      throw error;
    }
  }

  /** The next revision, with its entry in the log. `model` null: the tenant itself changed. */
  logChange(tenant: string, model: string | null): number {
    this.#revision++;
    this.sql('INSERT INTO changes VALUES (?, ?, ?)').run(this.#revision, tenant, model);
    return this.#revision;
  }

  /** The row of an equal value, made when there is none. */
  intern(table: 'specs' | 'configs' | 'executors', value: unknown): number {
    const json = canonicalJson(value);
    const hash = createHash('sha256').update(json).digest();
    const found = this.sql(`SELECT id FROM ${table} WHERE hash = ?`).get(hash);
    if (found !== undefined) return Number(found['id']);
    return Number(
      this.sql(`INSERT INTO ${table} (hash, json) VALUES (?, ?)`).run(hash, json).lastInsertRowid,
    );
  }

  traffic(tenant: string, model: string): Traffic | undefined {
    const row = this.sql('SELECT traffic FROM models WHERE tenant = ? AND model = ?').get(tenant, model);
    return row === undefined ? undefined : parseTraffic(row['traffic']);
  }

  versionCount(tenant: string, model: string): number {
    const row = this.sql('SELECT count(*) AS n FROM versions WHERE tenant = ? AND model = ?').get(
      tenant,
      model,
    );
    return Number(row?.['n']);
  }

  /** Why the model can't have one more version. */
  refusal(tenant: string, model: string): Refusal | undefined {
    const { versionsPerModel } = this.limits;
    const owner = this.sql('SELECT deleted FROM tenants WHERE tenant = ?').get(tenant);
    if (owner?.['deleted'] === 1) return deletedTenant(tenant);
    if (this.versionCount(tenant, model) < versionsPerModel) return undefined;
    return tooManyVersions(tenant, model, versionsPerModel);
  }

  #readPosition(): void {
    const row = this.sql(
      'SELECT history, coalesce((SELECT max(revision) FROM changes), revision) AS revision FROM history',
    ).get();
    this.#history = (row?.['history'] as string | null) ?? undefined;
    this.#revision = Number(row?.['revision']);
  }
}
