import { isInTraffic, type Traffic, withStable } from '../../core/traffic-split.ts';
import { canonicalJson } from '../../model/canonical-json.ts';
import {
  inQuarantine,
  inUse,
  noModel,
  noTenant,
  noVersion,
  noVersionFor,
  quarantined,
  revisionConflict,
  versionExists,
} from './refusals.ts';
import type { ModelSettings, RegisterOutcome, Registration, TenantSettings, VersionId } from './registry.ts';
import { parseTraffic } from './rows.ts';
import { parseQuarantine } from './sqlite-strikes.ts';
import type { Tables } from './sqlite-tables.ts';

/** Each takes effect in one transaction, with its entries in the change log. */
export class Writes {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  register(registrations: readonly Registration[]): RegisterOutcome[] {
    return this.#tables.change(() => registrations.map((registration) => this.#registerOne(registration)));
  }

  deleteVersion(id: VersionId): number {
    const { tenant, model, version } = id;
    return this.#tables.change(() => {
      const traffic = this.#tables.traffic(tenant, model);
      if (traffic !== undefined && isInTraffic(traffic, version)) throw inUse(id);
      const gone = this.#run('DELETE FROM versions WHERE tenant = ? AND model = ? AND version = ?', [
        tenant,
        model,
        version,
      ]);
      if (gone === 0) throw noVersion(id);
      const revision = this.#tables.logChange(tenant, model);
      // A model is its versions: with the last one it goes too.
      if (this.#tables.versionCount(tenant, model) === 0) this.#dropModel(tenant, model);
      else this.#touchModel(tenant, model, revision);
      return revision;
    });
  }

  deleteModel(tenant: string, model: string): number {
    return this.#tables.change(() => {
      if (this.#dropModel(tenant, model) === 0) throw noModel(tenant, model);
      this.#run('DELETE FROM versions WHERE tenant = ? AND model = ?', [tenant, model]);
      return this.#tables.logChange(tenant, model);
    });
  }

  setTraffic(tenant: string, model: string, traffic: Traffic, ifRevision: number | undefined): void {
    this.#tables.change(() => {
      const row = this.#tables
        .sql('SELECT revision, traffic FROM models WHERE tenant = ? AND model = ?')
        .get(tenant, model);
      if (row === undefined) throw noModel(tenant, model);
      if (ifRevision !== undefined && row['revision'] !== ifRevision) {
        throw revisionConflict(tenant, model, Number(row['revision']), ifRevision);
      }
      const current = rolesOf(parseTraffic(row['traffic']));
      for (const [role, version] of Object.entries(rolesOf(traffic))) {
        if (version === undefined) continue;
        this.#checkCanServe({ tenant, model, version }, role, version === current[role]);
      }
      this.#writeModel(tenant, model, traffic, this.#tables.logChange(tenant, model));
    });
  }

  putModelSettings(tenant: string, model: string, { minCopies }: ModelSettings): void {
    this.#tables.change(() => {
      const changed = this.#run('UPDATE models SET min_copies = ? WHERE tenant = ? AND model = ?', [
        minCopies,
        tenant,
        model,
      ]);
      if (changed === 0) throw noModel(tenant, model);
      this.#touchModel(tenant, model, this.#tables.logChange(tenant, model));
    });
  }

  putTenant(tenant: string, settings: TenantSettings): void {
    this.#tables.change(() => this.#writeTenant(tenant, settings));
  }

  /** Every model gets its own log entry, so that a follower who missed the name's return drops them too. */
  deleteTenant(tenant: string): number {
    return this.#tables.change(() => {
      const gone = this.#run(
        "UPDATE tenants SET deleted = 1, settings = '{}' WHERE tenant = ? AND deleted = 0",
        [tenant],
      );
      if (gone === 0) throw noTenant(tenant);
      for (const row of this.#tables.sql('SELECT model FROM models WHERE tenant = ?').all(tenant)) {
        this.#tables.logChange(tenant, String(row['model']));
      }
      this.#run('DELETE FROM versions WHERE tenant = ?', [tenant]);
      this.#run('DELETE FROM models WHERE tenant = ?', [tenant]);
      const revision = this.#tables.logChange(tenant, null);
      this.#run('UPDATE tenants SET revision = ? WHERE tenant = ?', [revision, tenant]);
      return revision;
    });
  }

  #registerOne(registration: Registration): RegisterOutcome {
    const { tenant, model, version, activate } = registration;
    const present = this.#tables
      .sql(`SELECT digest, json, v.revision, quarantine FROM versions v JOIN configs ON configs.id = config_id
            WHERE tenant = ? AND model = ? AND version = ?`)
      .get(tenant, model, version);
    if (present !== undefined) return this.#registerAgain(registration, present);
    const refusal = this.#tables.refusal(tenant, model);
    if (refusal !== undefined) return { status: 'rejected', ...refusal };
    const owner = this.#tables.sql('SELECT 1 FROM tenants WHERE tenant = ?').get(tenant);
    if (owner === undefined) this.#writeTenant(tenant, {});
    const revision = this.#tables.logChange(tenant, model);
    this.insertVersion(registration, revision);
    const traffic = this.#tables.traffic(tenant, model) ?? {};
    this.#writeModel(tenant, model, activate ? withStable(traffic, version) : traffic, revision);
    return { status: 'registered', revision, activated: activate };
  }

  #registerAgain(registration: Registration, present: Record<string, unknown>): RegisterOutcome {
    const { tenant, model, version, artifact, config, activate } = registration;
    if (present['digest'] !== artifact.digest || present['json'] !== canonicalJson(config)) {
      const digest = String(present['digest']);
      const differs = digest === artifact.digest ? 'config' : 'artifact';
      return versionExists(registration, artifact.digest, { digest, differs });
    }
    const traffic = this.#tables.traffic(tenant, model) ?? {};
    const activated = traffic.stable === version;
    if (!activate || activated) {
      return { status: 'unchanged', revision: Number(present['revision']), activated };
    }
    const { quarantine } = parseQuarantine(present['quarantine'] as string | null);
    if (quarantine !== undefined) return quarantined(registration, quarantine);
    const revision = this.#tables.logChange(tenant, model);
    this.#writeModel(tenant, model, withStable(traffic, version), revision);
    return { status: 'unchanged', revision, activated: true };
  }

  /** The model's row is the caller's. */
  insertVersion(
    { tenant, model, version, artifact, config }: Omit<Registration, 'activate'>,
    revision: number,
  ): void {
    const { residentBytes, loadMs, runMs } = artifact.resources;
    const spec = this.#tables.intern('specs', artifact.spec);
    const configId = this.#tables.intern('configs', config);
    const executorId = this.#tables.intern('executors', artifact.executor);
    const names: (string | number)[] = [tenant, model, version];
    const artifacts = [artifact.digest, artifact.bytes, artifact.preparedDigest];
    const numbers = [Math.ceil(residentBytes), loadMs, runMs, spec, configId, revision];
    this.#run(
      'INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL, ?)',
      names.concat(artifacts, numbers, executorId),
    );
  }

  #writeModel(tenant: string, model: string, traffic: Traffic, revision: number): void {
    this.#run(
      `INSERT INTO models (tenant, model, traffic, revision) VALUES (?, ?, ?, ?)
       ON CONFLICT DO UPDATE SET traffic = excluded.traffic, revision = excluded.revision`,
      [tenant, model, canonicalJson(traffic), revision],
    );
  }

  #touchModel(tenant: string, model: string, revision: number): void {
    this.#run('UPDATE models SET revision = ? WHERE tenant = ? AND model = ?', [revision, tenant, model]);
  }

  #writeTenant(tenant: string, settings: TenantSettings): void {
    const revision = this.#tables.logChange(tenant, null);
    this.#run('INSERT OR REPLACE INTO tenants VALUES (?, ?, ?, 0)', [
      tenant,
      canonicalJson(settings),
      revision,
    ]);
  }

  #dropModel(tenant: string, model: string): number {
    return this.#run('DELETE FROM models WHERE tenant = ? AND model = ?', [tenant, model]);
  }

  #checkCanServe(id: VersionId, role: string, hasRole: boolean): void {
    const { tenant, model, version } = id;
    const row = this.#tables
      .sql('SELECT quarantine FROM versions WHERE tenant = ? AND model = ? AND version = ?')
      .get(tenant, model, version);
    if (row === undefined) throw noVersionFor(role, id);
    const { quarantine } = parseQuarantine(row['quarantine'] as string | null);
    if (quarantine !== undefined && !hasRole) throw inQuarantine(role, id, quarantine);
  }

  /** Rows changed. */
  #run(text: string, values: (string | number | null)[]): number {
    return Number(this.#tables.sql(text).run(...values).changes);
  }
}

function rolesOf({ stable, canary, shadow }: Traffic): Record<string, string | undefined> {
  return { stable, canary: canary?.version, shadow: shadow?.version };
}
