import { ShoalError } from '../../core/errors.ts';
import { quote } from '../../core/ids.ts';
import { isInTraffic, type Traffic, withStable } from '../../core/traffic-split.ts';
import { canonicalJson } from '../../model/canonical-json.ts';
import type { RegisterOutcome, Registration, TenantSettings, VersionId } from './registry.ts';
import type { RegistryLimits } from './sqlite-messages.ts';
import type { Tables } from './sqlite-tables.ts';

/** Each takes effect in one transaction, with its entries in the change log. */
export class Writes {
  readonly #tables: Tables;
  readonly #limits: RegistryLimits;

  constructor(tables: Tables, limits: RegistryLimits) {
    this.#tables = tables;
    this.#limits = limits;
  }

  register(registrations: readonly Registration[]): RegisterOutcome[] {
    return this.#change(() => registrations.map((registration) => this.#registerOne(registration)));
  }

  deleteVersion(id: VersionId): number {
    const { tenant, model, version } = id;
    return this.#change(() => {
      const traffic = this.#tables.traffic(tenant, model);
      if (traffic !== undefined && isInTraffic(traffic, version)) {
        throw new ShoalError('IN_USE', `version ${quote(version)} of ${tenant}/${model} is in traffic`);
      }
      const gone = this.#run('DELETE FROM versions WHERE tenant = ? AND model = ? AND version = ?', [
        tenant,
        model,
        version,
      ]);
      if (gone === 0) {
        throw new ShoalError('VERSION_NOT_FOUND', `${tenant}/${model} has no version ${quote(version)}`);
      }
      const revision = this.#tables.logChange(tenant, model);
      // A model is its versions: with the last one it goes too.
      if (this.#tables.versionCount(tenant, model) === 0) this.#dropModel(tenant, model);
      else this.#touchModel(tenant, model, revision);
      return revision;
    });
  }

  deleteModel(tenant: string, model: string): number {
    return this.#change(() => {
      if (this.#dropModel(tenant, model) === 0) throw noModel(tenant, model);
      this.#run('DELETE FROM versions WHERE tenant = ? AND model = ?', [tenant, model]);
      return this.#tables.logChange(tenant, model);
    });
  }

  setTraffic(tenant: string, model: string, traffic: Traffic, ifRevision: number | undefined): void {
    this.#change(() => {
      const row = this.#tables
        .sql('SELECT revision FROM models WHERE tenant = ? AND model = ?')
        .get(tenant, model);
      if (row === undefined) throw noModel(tenant, model);
      if (ifRevision !== undefined && row['revision'] !== ifRevision) {
        throw new ShoalError(
          'REVISION_CONFLICT',
          `${tenant}/${model} is at revision ${String(row['revision'])}, the request expects ${ifRevision}`,
        );
      }
      const roles = [
        ['stable', traffic.stable],
        ['canary', traffic.canary?.version],
        ['shadow', traffic.shadow?.version],
      ] as const;
      for (const [role, version] of roles) {
        if (version === undefined || this.#hasVersion(tenant, model, version)) continue;
        throw new ShoalError(
          'VERSION_NOT_FOUND',
          `${role}: ${tenant}/${model} has no version ${quote(version)}`,
        );
      }
      this.#writeModel(tenant, model, traffic, this.#tables.logChange(tenant, model));
    });
  }

  putTenant(tenant: string, settings: TenantSettings): void {
    this.#change(() => this.#writeTenant(tenant, settings));
  }

  /** Every model gets its own log entry, so that a follower who missed the name's return drops them too. */
  deleteTenant(tenant: string): number {
    return this.#change(() => {
      const gone = this.#run(
        "UPDATE tenants SET deleted = 1, settings = '{}' WHERE tenant = ? AND deleted = 0",
        [tenant],
      );
      if (gone === 0) throw new ShoalError('TENANT_NOT_FOUND', `there is no tenant ${quote(tenant)}`);
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
      .sql(`SELECT digest, json, v.revision FROM versions v JOIN configs ON configs.id = config_id
            WHERE tenant = ? AND model = ? AND version = ?`)
      .get(tenant, model, version);
    if (present !== undefined) return this.#registerAgain(registration, present);
    const refusal = this.#tables.refusal(tenant, model, this.#limits.versionsPerModel);
    if (refusal !== undefined) return { status: 'rejected', ...refusal };
    const owner = this.#tables.sql('SELECT 1 FROM tenants WHERE tenant = ?').get(tenant);
    if (owner === undefined) this.#writeTenant(tenant, {});
    const revision = this.#tables.logChange(tenant, model);
    this.#insertVersion(registration, revision);
    const traffic = this.#tables.traffic(tenant, model) ?? {};
    this.#writeModel(tenant, model, activate ? withStable(traffic, version) : traffic, revision);
    return { status: 'registered', revision, activated: activate };
  }

  #registerAgain(registration: Registration, present: Record<string, unknown>): RegisterOutcome {
    const { tenant, model, version, artifact, config, activate } = registration;
    if (present['digest'] !== artifact.digest || present['json'] !== canonicalJson(config)) {
      const differs = present['digest'] === artifact.digest ? 'the config differs' : 'the artifact differs';
      const message =
        `version ${quote(version)} of ${tenant}/${model} is registered with digest ${String(present['digest'])}, ` +
        `this one has ${artifact.digest}: ${differs}, and a version never changes`;
      return { status: 'rejected', code: 'VERSION_EXISTS', message };
    }
    const traffic = this.#tables.traffic(tenant, model) ?? {};
    const activated = traffic.stable === version;
    if (!activate || activated) {
      return { status: 'unchanged', revision: Number(present['revision']), activated };
    }
    const revision = this.#tables.logChange(tenant, model);
    this.#writeModel(tenant, model, withStable(traffic, version), revision);
    return { status: 'unchanged', revision, activated: true };
  }

  #insertVersion({ tenant, model, version, artifact, config }: Registration, revision: number): void {
    const { residentBytes, loadMs, runMs } = artifact.resources;
    const spec = this.#tables.intern('specs', artifact.spec);
    const configId = this.#tables.intern('configs', config);
    const names: (string | number)[] = [tenant, model, version];
    const artifacts = [artifact.digest, artifact.bytes, artifact.preparedDigest];
    const numbers = [Math.ceil(residentBytes), loadMs, runMs, spec, configId, revision];
    this.#run(
      'INSERT INTO versions VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
      names.concat(artifacts, numbers),
    );
  }

  #writeModel(tenant: string, model: string, traffic: Traffic, revision: number): void {
    this.#run('INSERT OR REPLACE INTO models VALUES (?, ?, ?, ?)', [
      tenant,
      model,
      canonicalJson(traffic),
      revision,
    ]);
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

  #hasVersion(tenant: string, model: string, version: string): boolean {
    return (
      this.#tables
        .sql('SELECT 1 FROM versions WHERE tenant = ? AND model = ? AND version = ?')
        .get(tenant, model, version) !== undefined
    );
  }

  /** Rows changed. */
  #run(text: string, values: (string | number | null)[]): number {
    return Number(this.#tables.sql(text).run(...values).changes);
  }

  #change<T>(change: () => T): T {
    return this.#tables.transaction(() => {
      const result = change();
      this.#run('DELETE FROM changes WHERE revision <= ?', [
        this.#tables.revision - this.#limits.changeLogEntries,
      ]);
      return result;
    });
  }
}

function noModel(tenant: string, model: string): ShoalError {
  return new ShoalError('MODEL_NOT_FOUND', `there is no model ${tenant}/${model}`);
}
