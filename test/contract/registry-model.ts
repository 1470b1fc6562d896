import type { Traffic } from '../../src/core/traffic-split.ts';
import { isInTraffic, withStable } from '../../src/core/traffic-split.ts';
import { canonicalJson } from '../../src/model/canonical-json.ts';
import type { Position } from '../../src/stores/registry/position.ts';
import type {
  Registration,
  RoutingEntry,
  RoutingPage,
  TenantSettings,
  VersionId,
} from '../../src/stores/registry/registry.ts';
import type { RegistryLimitsUnderTest } from './registry-support.ts';

interface Strike {
  readonly atMs: number;
  readonly crash: string;
}

interface ModelOf {
  traffic: Traffic;
  minCopies: number;
  versions: Map<string, Registration & { strikes: Strike[]; quarantine?: string }>;
}

/** What a registry must hold after a sequence of operations, kept in the simplest way. Errors are codes. */
export class RegistryModel {
  readonly tenants = new Map<string, TenantSettings>();
  readonly deleted = new Set<string>();
  readonly models = new Map<string, ModelOf>();
  readonly #limits: RegistryLimitsUnderTest;

  constructor(limits: RegistryLimitsUnderTest) {
    this.#limits = limits;
  }

  register(registration: Registration): string {
    const { tenant, version, activate } = registration;
    if (this.deleted.has(tenant)) return 'TENANT_DELETED';
    const name = `${tenant}/${registration.model}`;
    const model: ModelOf = this.models.get(name) ?? { traffic: {}, minCopies: 0, versions: new Map() };
    const present = model.versions.get(version);
    if (present !== undefined) {
      const equal =
        present.artifact.digest === registration.artifact.digest &&
        canonicalJson(present.config) === canonicalJson(registration.config);
      if (!equal) return 'VERSION_EXISTS';
      if (!activate || model.traffic.stable === version) return 'unchanged';
      if (present.quarantine !== undefined) return 'MODEL_QUARANTINED';
      model.traffic = withStable(model.traffic, version);
      return 'unchanged';
    }
    if (model.versions.size >= this.#limits.versionsPerModel) return 'QUOTA_EXCEEDED';
    if (!this.tenants.has(tenant)) this.tenants.set(tenant, {});
    model.versions.set(version, { ...registration, strikes: [] });
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
    const now = [model.traffic.stable, model.traffic.canary?.version, model.traffic.shadow?.version];
    const roles = [traffic.stable, traffic.canary?.version, traffic.shadow?.version];
    for (const [index, version] of roles.entries()) {
      if (version === undefined) continue;
      const record = model.versions.get(version);
      if (record === undefined) return 'VERSION_NOT_FOUND';
      if (record.quarantine !== undefined && now[index] !== version) return 'MODEL_QUARANTINED';
    }
    model.traffic = traffic;
    return 'ok';
  }

  /** And the withdrawal that follows from a culprit. */
  strike(id: VersionId, preparedDigest: string, strike: Strike): string {
    const version = this.models.get(`${id.tenant}/${id.model}`)?.versions.get(id.version);
    if (version?.artifact.preparedDigest !== preparedDigest) return 'VERSION_NOT_FOUND';
    const isNew = version.quarantine === undefined;
    const before = this.#counted(version.strikes, strike.atMs);
    const isTold = before.some(({ crash }) => crash === strike.crash);
    if (isNew) version.strikes = isTold ? before : [...before, strike];
    const strikes = this.#counted(version.strikes, strike.atMs).length;
    const quarantined = isNew && strikes >= this.#limits.strikes;
    if (quarantined) version.quarantine = new Date(strike.atMs).toISOString();
    const guilty = version.quarantine !== undefined;
    const explained = [strike, ...version.strikes].map(({ crash }) => crash);
    return JSON.stringify([{ strikes, quarantined, guilty }, guilty ? this.#withdraw(explained) : 0]);
  }

  #withdraw(crashes: readonly string[]): number {
    let withdrawn = 0;
    for (const other of [...this.models.values()].flatMap(({ versions }) => [...versions.values()])) {
      if (other.quarantine !== undefined) continue;
      const left = other.strikes.filter(({ crash }) => !crashes.includes(crash));
      withdrawn += other.strikes.length - left.length;
      other.strikes = left;
    }
    return withdrawn;
  }

  lift(id: VersionId): string {
    const version = this.models.get(`${id.tenant}/${id.model}`)?.versions.get(id.version);
    if (version === undefined) return 'VERSION_NOT_FOUND';
    version.strikes = [];
    delete version.quarantine;
    return '0';
  }

  putModelSettings(tenant: string, name: string, minCopies: number): string {
    const model = this.models.get(`${tenant}/${name}`);
    if (model === undefined) return 'MODEL_NOT_FOUND';
    model.minCopies = minCopies;
    return 'ok';
  }

  strikes(nowMs: number): { id: VersionId; strikes: number }[] {
    return [...this.models.values()].flatMap(({ versions }) =>
      [...versions.values()].map((id) => ({ id, strikes: this.#counted(id.strikes, nowMs).length })),
    );
  }

  #counted(strikes: readonly Strike[], nowMs: number): Strike[] {
    return strikes.filter(({ atMs }) => atMs > nowMs - this.#limits.strikeMs);
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
    for (const [name, { traffic, minCopies, versions }] of this.models) {
      const list = [...versions.values()].map(({ version, artifact, quarantine }) => [
        version,
        artifact.preparedDigest,
        artifact.resources.residentBytes,
        artifact.spec,
        quarantine,
      ]);
      state[name] = { traffic, minCopies, versions: list };
    }
    return state;
  }
}

/** A routing table as a router keeps it: entries by name, never going back in revision. */
export class Table {
  readonly #entries = new Map<string, RoutingEntry>();
  position: Position = { history: '', revision: 0 };

  get revision(): number {
    return this.position.revision;
  }

  apply(page: RoutingPage): void {
    this.position = page.position;
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
        const { traffic, minCopies = 0 } = entry.state;
        const versions = entry.state.versions.map((version) => [
          version.version,
          version.preparedDigest,
          version.residentBytes,
          version.spec,
          version.quarantine?.since,
        ]);
        state[name] = { traffic, minCopies, versions };
      }
    }
    return state;
  }
}
