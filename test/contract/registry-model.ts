import type { Traffic } from '../../src/core/traffic-split.ts';
import { isInTraffic, withStable } from '../../src/core/traffic-split.ts';
import { canonicalJson } from '../../src/model/canonical-json.ts';
import type { Registration, RoutingEntry, TenantSettings } from '../../src/stores/registry/registry.ts';

/** What a registry must hold after a sequence of operations, kept in the simplest way. Errors are codes. */
export class RegistryModel {
  readonly tenants = new Map<string, TenantSettings>();
  readonly deleted = new Set<string>();
  readonly models = new Map<string, { traffic: Traffic; versions: Map<string, Registration> }>();

  register(registration: Registration, versionsPerModel: number): string {
    const { tenant, version, activate } = registration;
    if (this.deleted.has(tenant)) return 'TENANT_DELETED';
    const name = `${tenant}/${registration.model}`;
    const model = this.models.get(name) ?? { traffic: {}, versions: new Map<string, Registration>() };
    const present = model.versions.get(version);
    if (present !== undefined) {
      const equal =
        present.artifact.digest === registration.artifact.digest &&
        canonicalJson(present.config) === canonicalJson(registration.config);
      if (!equal) return 'VERSION_EXISTS';
      if (activate && model.traffic.stable !== version) model.traffic = withStable(model.traffic, version);
      return 'unchanged';
    }
    if (model.versions.size >= versionsPerModel) return 'QUOTA_EXCEEDED';
    if (!this.tenants.has(tenant)) this.tenants.set(tenant, {});
    model.versions.set(version, registration);
    if (activate) model.traffic = withStable(model.traffic, version);
    this.models.set(name, model);
    return 'registered';
  }

  deleteVersion(tenant: string, name: string, version: string): string {
    const model = this.models.get(`${tenant}/${name}`);
    if (model !== undefined && isInTraffic(model.traffic, version)) return 'IN_USE';
    if (!model?.versions.delete(version)) return 'VERSION_NOT_FOUND';
    if (model.versions.size === 0) this.models.delete(`${tenant}/${name}`);
    return 'ok';
  }

  deleteModel(tenant: string, name: string): string {
    return this.models.delete(`${tenant}/${name}`) ? 'ok' : 'MODEL_NOT_FOUND';
  }

  setTraffic(tenant: string, name: string, traffic: Traffic): string {
    const model = this.models.get(`${tenant}/${name}`);
    if (model === undefined) return 'MODEL_NOT_FOUND';
    for (const version of [traffic.stable, traffic.canary?.version, traffic.shadow?.version]) {
      if (version !== undefined && !model.versions.has(version)) return 'VERSION_NOT_FOUND';
    }
    model.traffic = traffic;
    return 'ok';
  }

  putTenant(tenant: string, settings: TenantSettings): string {
    this.tenants.set(tenant, settings);
    this.deleted.delete(tenant);
    return 'ok';
  }

  deleteTenant(tenant: string): string {
    if (!this.tenants.delete(tenant)) return 'TENANT_NOT_FOUND';
    this.deleted.add(tenant);
    for (const name of this.models.keys()) if (name.startsWith(`${tenant}/`)) this.models.delete(name);
    return 'ok';
  }

  /** Comparable with what a table made of a snapshot and of followed changes says. */
  state(): Record<string, unknown> {
    const state: Record<string, unknown> = {};
    for (const [tenant, settings] of this.tenants) state[tenant] = settings;
    for (const [name, { traffic, versions }] of this.models) {
      const list = [...versions.values()].map(({ version, artifact }) => [
        version,
        artifact.preparedDigest,
        artifact.resources.residentBytes,
        artifact.spec,
      ]);
      state[name] = { traffic, versions: list };
    }
    return state;
  }
}

/** A routing table as a router keeps it: entries by name, never going back in revision. */
export class Table {
  readonly #entries = new Map<string, RoutingEntry>();
  revision = 0;

  apply(page: { revision: number; entries: readonly RoutingEntry[] }): void {
    this.revision = page.revision;
    for (const entry of page.entries) {
      const name = entry.kind === 'tenant' ? entry.tenant : `${entry.tenant}/${entry.model}`;
      const present = this.#entries.get(name);
      if (present === undefined || entry.revision >= present.revision) this.#entries.set(name, entry);
    }
  }

  state(): Record<string, unknown> {
    const state: Record<string, unknown> = {};
    for (const [name, entry] of this.#entries) {
      if (entry.kind === 'tenant') {
        if (entry.settings !== undefined) state[name] = entry.settings;
      } else if (entry.state !== undefined) {
        const versions = entry.state.versions.map(({ version, preparedDigest, residentBytes, spec }) => [
          version,
          preparedDigest,
          residentBytes,
          spec,
        ]);
        state[name] = { traffic: entry.state.traffic, versions };
      }
    }
    return state;
  }
}
