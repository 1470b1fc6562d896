import type { Digest } from '../../core/ids.ts';
import type { ModelConfig } from '../../model/config.ts';
import { parseCanonicalJson } from '../../model/canonical-json.ts';
import type { ExecutorChoice } from '../../model/executor-choice.ts';
import type { ServingSpec } from '../../model/serving-spec.ts';
import type { Position } from './position.ts';
import type {
  ModelRecord,
  ModelSummary,
  Page,
  PageRequest,
  TenantRecord,
  TenantSettings,
  VersionId,
  VersionLookup,
  VersionRecord,
} from './registry.ts';
import { parseSpec, parseTraffic, type RowEntry, type RowVersion } from './rows.ts';
import type { ModelName } from './sqlite-messages.ts';
import { parseQuarantine, strikesSince } from './sqlite-strikes.ts';
import type { Tables } from './sqlite-tables.ts';

type Row = Record<string, unknown>;

export class Reads {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  lookUp({ tenant, model, version }: VersionId): VersionLookup {
    const row = this.#tables
      .sql(`SELECT digest, prepared_digest, v.revision, configs.hash AS hash, executors.json AS executor FROM versions v
            JOIN configs ON configs.id = config_id LEFT JOIN executors ON executors.id = executor_id
            WHERE tenant = ? AND model = ? AND version = ?`)
      .get(tenant, model, version);
    const stable = this.#tables.traffic(tenant, model)?.stable;
    const lookup = stable === undefined ? {} : { stable };
    if (row === undefined) {
      const refusal = this.#tables.refusal(tenant, model);
      return refusal === undefined ? lookup : { ...lookup, refusal };
    }
    const present = {
      digest: row['digest'] as Digest,
      preparedDigest: row['prepared_digest'] as Digest,
      executor: parseExecutor(row['executor'] as string | null),
      configHash: Buffer.from(row['hash'] as Uint8Array).toString('hex'),
      revision: Number(row['revision']),
    };
    return { ...lookup, present };
  }

  digests(after: VersionId, limit: number): { digests: Digest[]; last: VersionId } | undefined {
    const rows = this.#tables
      .sql(`SELECT tenant, model, version, digest, prepared_digest FROM versions
            WHERE (tenant, model, version) > (?, ?, ?) ORDER BY tenant, model, version LIMIT ?`)
      .all(after.tenant, after.model, after.version, limit);
    const last = rows.at(-1);
    if (last === undefined) return undefined;
    return {
      digests: rows.flatMap((row) => [row['digest'] as Digest, row['prepared_digest'] as Digest]),
      last: {
        tenant: String(last['tenant']),
        model: String(last['model']),
        version: String(last['version']),
      },
    };
  }

  version({ tenant, model, version }: VersionId, nowMs: number): VersionRecord | undefined {
    const row = this.#tables
      .sql(`SELECT v.*, specs.json AS spec, configs.json AS config, executors.json AS executor FROM versions v
            JOIN specs ON specs.id = spec_id JOIN configs ON configs.id = config_id
            LEFT JOIN executors ON executors.id = executor_id
            WHERE tenant = ? AND model = ? AND version = ?`)
      .get(tenant, model, version);
    if (row === undefined) return undefined;
    return {
      tenant,
      model,
      version,
      revision: Number(row['revision']),
      strikes: strikesSince(row['strikes'] as string | null, nowMs - this.#tables.limits.strikeMs).length,
      ...parseQuarantine(row['quarantine'] as string | null),
      config: parseCanonicalJson(String(row['config'])) as ModelConfig,
      artifact: {
        digest: row['digest'] as Digest,
        bytes: Number(row['bytes']),
        preparedDigest: row['prepared_digest'] as Digest,
        executor: parseExecutor(row['executor'] as string | null),
        spec: parseSpec(row['spec']),
        resources: {
          residentBytes: Number(row['resident_bytes']),
          loadMs: Number(row['load_ms']),
          runMs: Number(row['run_ms']),
        },
      },
    };
  }

  model(tenant: string, model: string): ModelRecord | undefined {
    const row = this.#tables.sql('SELECT * FROM models WHERE tenant = ? AND model = ?').get(tenant, model);
    if (row === undefined) return undefined;
    const versions = this.#versionRows(tenant, model);
    return {
      tenant,
      model,
      traffic: parseTraffic(row['traffic']),
      settings: { minCopies: Number(row['min_copies']) },
      versions: versions.map(({ version }) => version),
      quarantined: versions.flatMap(({ version, quarantine }) =>
        quarantine === undefined ? [] : [{ version, ...quarantine }],
      ),
      revision: Number(row['revision']),
    };
  }

  models(tenant: string, page: PageRequest): Page<ModelSummary> {
    const rows = this.#tables
      .sql(`SELECT model, traffic,
              (SELECT count(*) FROM versions v WHERE v.tenant = m.tenant AND v.model = m.model) AS versions
            FROM models m WHERE tenant = ? AND model > ? ORDER BY model LIMIT ?`)
      .all(tenant, page.after ?? '', page.pageSize + 1);
    return cutPage(rows, page, 'model', (row) => ({
      model: String(row['model']),
      stable: parseTraffic(row['traffic']).stable ?? null,
      versions: Number(row['versions']),
    }));
  }

  tenant(tenant: string): TenantRecord | undefined {
    const row = this.#tables.sql('SELECT * FROM tenants WHERE tenant = ? AND deleted = 0').get(tenant);
    return row === undefined ? undefined : tenantRecord(row);
  }

  tenants(page: PageRequest): Page<TenantRecord> {
    const rows = this.#tenantRows(page.after ?? '', page.pageSize + 1);
    return cutPage(rows, page, 'tenant', tenantRecord);
  }

  specs(ids: readonly number[]): ServingSpec[] {
    const select = this.#tables.sql('SELECT json FROM specs WHERE id = ?');
    return ids.map((id) => parseSpec(select.get(id)?.['json']));
  }

  snapshotTenants(after: string, limit: number): RowEntry<number>[] {
    return this.#tenantRows(after, limit).map((row) => ({ kind: 'tenant', ...tenantRecord(row) }));
  }

  /** One statement a page: a second one for each model's versions would cost more than all the rest. */
  snapshotModels(after: ModelName, limit: number): RowEntry<number>[] {
    const rows = this.#tables
      .sql(`SELECT m.tenant AS tenant, m.model AS model, m.traffic AS traffic, m.revision AS revision,
              m.min_copies AS min_copies, v.quarantine AS quarantine,
              v.version AS version, v.prepared_digest AS prepared_digest,
              v.resident_bytes AS resident_bytes, v.spec_id AS spec_id
            FROM (SELECT * FROM models WHERE (tenant, model) > (?, ?) ORDER BY tenant, model LIMIT ?) m
            LEFT JOIN versions v ON v.tenant = m.tenant AND v.model = m.model
            ORDER BY m.tenant, m.model, v.revision`)
      .all(after.tenant, after.model, limit);
    const entries: RowEntry<number>[] = [];
    let versions: RowVersion<number>[] = [];
    let last = '';
    for (const row of rows) {
      const tenant = row['tenant'] as string;
      const model = row['model'] as string;
      const name = `${tenant}/${model}`;
      if (name !== last) {
        last = name;
        versions = [];
        const revision = row['revision'] as number;
        entries.push({ kind: 'model', tenant, model, revision, state: stateOf(row, versions) });
      }
      if (row['version'] !== null) versions.push(versionOf(row));
    }
    return entries;
  }

  changes(after: Position, limit: number): { revision: number; entries: RowEntry<number>[] } | undefined {
    const { position } = this.#tables;
    if (position === undefined || after.history !== position.history) return undefined;
    const { first } = this.#tables.sql('SELECT min(revision) AS first FROM changes').get() ?? {};
    const reachesTo = first === null ? position.revision : Number(first) - 1;
    if (after.revision < reachesTo || after.revision > position.revision) return undefined;
    const latest = new Map<string, Row>();
    let { revision } = after;
    const select = this.#tables.sql('SELECT * FROM changes WHERE revision > ? ORDER BY revision LIMIT ?');
    for (const row of select.all(revision, limit)) {
      revision = Number(row['revision']);
      // Only the last mention within the page: the state is the same for all of them.
      const name = `${row['tenant'] as string}/${(row['model'] as string | null) ?? ''}`;
      latest.delete(name);
      latest.set(name, row);
    }
    return { revision, entries: [...latest.values()].map((row) => this.#changed(row)) };
  }

  /** The state as of now of what a log row names. */
  #changed(change: Row): RowEntry<number> {
    const tenant = String(change['tenant']);
    const revision = Number(change['revision']);
    if (change['model'] === null) {
      return { kind: 'tenant', ...(this.tenant(tenant) ?? { tenant, revision }) };
    }
    const model = change['model'] as string;
    const row = this.#tables.sql('SELECT * FROM models WHERE tenant = ? AND model = ?').get(tenant, model);
    return row === undefined ? { kind: 'model', tenant, model, revision } : this.#modelEntry(row);
  }

  #modelEntry(row: Row): RowEntry<number> {
    const tenant = String(row['tenant']);
    const model = String(row['model']);
    const versions = this.#versionRows(tenant, model);
    return { kind: 'model', tenant, model, revision: Number(row['revision']), state: stateOf(row, versions) };
  }

  #versionRows(tenant: string, model: string): RowVersion<number>[] {
    return this.#tables
      .sql(`SELECT version, prepared_digest, resident_bytes, spec_id, quarantine FROM versions
            WHERE tenant = ? AND model = ? ORDER BY revision`)
      .all(tenant, model)
      .map(versionOf);
  }

  #tenantRows(after: string, limit: number): Row[] {
    return this.#tables
      .sql('SELECT * FROM tenants WHERE tenant > ? AND deleted = 0 ORDER BY tenant LIMIT ?')
      .all(after, limit);
  }
}

/** One row more than the page was asked for: whether there is a next page. */
function cutPage<T>(rows: Row[], page: PageRequest, nameColumn: string, toItem: (row: Row) => T): Page<T> {
  const items = rows.slice(0, page.pageSize).map(toItem);
  return rows.length > page.pageSize
    ? { items, next: String(rows[page.pageSize - 1]?.[nameColumn]) }
    : { items };
}

function versionOf(row: Row): RowVersion<number> {
  return {
    version: row['version'] as string,
    preparedDigest: row['prepared_digest'] as string,
    residentBytes: row['resident_bytes'] as number,
    specId: row['spec_id'] as number,
    ...parseQuarantine(row['quarantine'] as string | null),
  };
}

function stateOf(row: Row, versions: RowVersion<number>[]) {
  const minCopies = Number(row['min_copies']);
  return { traffic: String(row['traffic']), ...(minCopies === 0 ? {} : { minCopies }), versions };
}

function tenantRecord(row: Row): TenantRecord {
  return {
    tenant: String(row['tenant']),
    settings: parseCanonicalJson(String(row['settings'])) as TenantSettings,
    revision: Number(row['revision']),
  };
}

function parseExecutor(json: string | null): ExecutorChoice {
  if (json === null) return { executor: 'onnx', reason: 'it was registered before plans' };
  return parseCanonicalJson(json) as unknown as ExecutorChoice;
}
