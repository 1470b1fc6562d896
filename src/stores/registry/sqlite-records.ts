import { randomBytes } from 'node:crypto';
import { canonicalJson, parseCanonicalJson } from '../../model/canonical-json.ts';
import type { Position } from './position.ts';
import type { ModelState, RegistryRecord, TenantState } from './records.ts';
import type { TenantSettings, VersionRecord } from './registry.ts';
import type { ModelName } from './sqlite-messages.ts';
import type { Reads } from './sqlite-reads.ts';
import type { Tables } from './sqlite-tables.ts';
import type { Writes } from './sqlite-writes.ts';

/** Whole models and tenants, out and in again. */
export class Records {
  readonly #tables: Tables;
  readonly #reads: Reads;
  readonly #writes: Writes;

  constructor(tables: Tables, reads: Reads, writes: Writes) {
    this.#tables = tables;
    this.#reads = reads;
    this.#writes = writes;
  }

  record(tenant: string, model: string | undefined): RegistryRecord | undefined {
    if (model !== undefined) return this.#model(tenant, model);
    const row = this.#tables.sql('SELECT * FROM tenants WHERE tenant = ?').get(tenant);
    return row === undefined ? undefined : tenantState(row);
  }

  tenantRecords(after: string, limit: number): RegistryRecord[] {
    const rows = this.#tables
      .sql('SELECT * FROM tenants WHERE tenant > ? ORDER BY tenant LIMIT ?')
      .all(after, limit);
    return rows.map(tenantState);
  }

  modelRecords(after: ModelName, limit: number): RegistryRecord[] {
    const rows = this.#tables
      .sql('SELECT tenant, model FROM models WHERE (tenant, model) > (?, ?) ORDER BY tenant, model LIMIT ?')
      .all(after.tenant, after.model, limit);
    return rows.flatMap((row) => this.#model(String(row['tenant']), String(row['model'])) ?? []);
  }

  begin(): void {
    this.#tables.setHistory(null, this.#tables.revision);
  }

  restore(records: readonly RegistryRecord[]): void {
    this.#tables.transaction(() => {
      for (const record of records) {
        if (record.kind === 'tenant') this.#putTenant(record);
        else this.#putModel(record);
        this.#tables.sql('UPDATE history SET revision = max(revision, ?)').run(record.revision);
      }
    });
  }

  end(): Position {
    const row = this.#tables.sql('SELECT revision FROM history').get();
    this.#tables.setHistory(randomBytes(8).toString('hex'), Number(row?.['revision']) + 1);
    const { position } = this.#tables;
    if (position === undefined) throw new Error('a history that has just begun is gone');
    return position;
  }

  #model(tenant: string, model: string): ModelState | undefined {
    const record = this.#reads.model(tenant, model);
    if (record === undefined) return undefined;
    const { traffic, settings, revision, versions: names } = record;
    const versions = names.flatMap((version) => {
      const found = this.#reads.version({ tenant, model, version }, 0);
      return found === undefined ? [] : { ...found, strikes: 0 };
    });
    return { kind: 'model', tenant, model, revision, state: { traffic, settings, versions } };
  }

  #putTenant({ tenant, revision, settings }: TenantState): void {
    const deleted = settings === undefined;
    this.#tables
      .sql('INSERT OR REPLACE INTO tenants VALUES (?, ?, ?, ?)')
      .run(tenant, canonicalJson(settings ?? {}), revision, deleted ? 1 : 0);
    if (!deleted) return;
    const models = this.#tables.sql('SELECT model FROM models WHERE tenant = ? AND revision < ?');
    for (const { model } of models.all(tenant, revision)) this.#drop(tenant, String(model));
  }

  #putModel({ tenant, model, revision, state }: ModelState): void {
    this.#drop(tenant, model);
    if (state === undefined || state.versions.length === 0) return;
    const owner = this.#tables.sql('SELECT revision, deleted FROM tenants WHERE tenant = ?').get(tenant);
    if (owner?.['deleted'] === 1 && Number(owner['revision']) > revision) return;
    this.#tables.sql("INSERT OR IGNORE INTO tenants VALUES (?, '{}', ?, 0)").run(tenant, revision);
    this.#tables
      .sql('INSERT INTO models (tenant, model, traffic, revision, min_copies) VALUES (?, ?, ?, ?, ?)')
      .run(tenant, model, canonicalJson(state.traffic), revision, state.settings.minCopies);
    for (const version of state.versions) this.#putVersion(version);
  }

  #putVersion(version: VersionRecord): void {
    this.#writes.insertVersion(version, version.revision);
    const { tenant, model, version: name, quarantine } = version;
    if (quarantine === undefined) return;
    this.#tables
      .sql('UPDATE versions SET quarantine = ? WHERE tenant = ? AND model = ? AND version = ?')
      .run(canonicalJson(quarantine), tenant, model, name);
  }

  #drop(tenant: string, model: string): void {
    this.#tables.sql('DELETE FROM versions WHERE tenant = ? AND model = ?').run(tenant, model);
    this.#tables.sql('DELETE FROM models WHERE tenant = ? AND model = ?').run(tenant, model);
  }
}

function tenantState(row: Record<string, unknown>): TenantState {
  const head = { kind: 'tenant', tenant: String(row['tenant']), revision: Number(row['revision']) } as const;
  if (row['deleted'] === 1) return head;
  return { ...head, settings: parseCanonicalJson(String(row['settings'])) as TenantSettings };
}
