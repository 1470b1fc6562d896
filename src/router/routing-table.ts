import type { Digest } from '../core/ids.ts';
import type { Traffic } from '../core/traffic-split.ts';
import type { ServingSpec } from '../model/serving-spec.ts';
import type { Position } from '../stores/registry/position.ts';
import type {
  Quarantine,
  RoutingEntry,
  RoutingState,
  RoutingVersion,
  TenantSettings,
} from '../stores/registry/registry.ts';
import { type ModelKey, modelKey } from '../wire/model-key.ts';
import { SmallMap } from './small-map.ts';
import { SharedValues } from './shared-values.ts';

/** What a request needs of one version. */
export class ServedVersion {
  readonly version: string;
  readonly preparedDigest: Digest;
  readonly residentBytes: number;
  readonly spec: ServingSpec;
  readonly quarantine: Quarantine | undefined;
  #key: ModelKey | undefined;

  constructor(version: RoutingVersion, spec: ServingSpec) {
    this.version = version.version;
    this.preparedDigest = version.preparedDigest;
    this.residentBytes = version.residentBytes;
    this.spec = spec;
    this.quarantine = version.quarantine;
  }

  /** Built when the version is first asked for: most models of a table are idle. */
  key(tenant: string, model: string): ModelKey {
    this.#key ??= modelKey({ tenant, model, version: this.version, digest: this.preparedDigest });
    return this.#key;
  }
}

/** Never changed: a new state of the model is a new object, so a request may hold on to what it resolved. */
export interface TableModel {
  readonly revision: number;
  readonly traffic: Traffic;
  readonly versions: readonly ServedVersion[];
}

export interface TableTenant {
  readonly shardSize: number | undefined;
  readonly models: Pick<SmallMap<TableModel>, 'get' | typeof Symbol.iterator>;
}

/** A model that so many workers keep loaded. */
export interface PinnedModel {
  readonly tenant: string;
  readonly model: string;
  readonly minCopies: number;
  readonly owner: TableTenant;
  readonly entry: TableModel;
}

interface ModelSlot extends TableModel {
  /** The snapshot that last mentioned it. */
  load: number;
}

interface TenantSlot {
  /** Of its settings; 0 when only its models have been heard of. */
  revision: number;
  load: number;
  shardSize: number | undefined;
  readonly models: SmallMap<ModelSlot>;
}

export interface SnapshotLoad {
  page(entries: readonly RoutingEntry[]): void;
  end(): void;
}

/**
 * Which version of every model serves, in memory alone. Entries may arrive in any order and more than once; within a
 * history one never goes back to an older revision. Everything up to `revision` is known, so an entry no newer than
 * that has nothing to say; deletions ahead of it are remembered until it has caught up with them. Of another history a
 * whole snapshot is the truth, older entries too; each model changes over in one step.
 */
export class RoutingTable {
  readonly #tenants = new Map<string, TenantSlot>();
  readonly #deletedModels = new Map<string, number>();
  readonly #deletedTenants = new Map<string, number>();
  readonly #specs = new SharedValues<ServingSpec>();
  readonly #traffics = new SharedValues<Traffic>();
  /** By `tenant/model`. */
  readonly #pins = new Map<string, Pick<PinnedModel, 'tenant' | 'model' | 'minCopies'>>();
  /** Undefined: nothing is known yet, or another history has been taken over in part. */
  #history: string | undefined;
  #revision = 0;
  #models = 0;
  #load = 0;

  get revision(): number {
    return this.#revision;
  }

  /** Up to where everything is known; undefined before the first whole snapshot, and while a history is exchanged. */
  get position(): Position | undefined {
    return this.#history === undefined ? undefined : { history: this.#history, revision: this.#revision };
  }

  get pinCount(): number {
    return this.#pins.size;
  }

  get modelCount(): number {
    return this.#models;
  }

  tenant(tenant: string): TableTenant | undefined {
    return this.#tenants.get(tenant);
  }

  tenantNames(): Iterable<string> {
    return this.#tenants.keys();
  }

  /** Costs what there is of them, however many models the table has. */
  *pinned(): Generator<PinnedModel> {
    for (const pin of this.#pins.values()) {
      const owner = this.#tenants.get(pin.tenant);
      const entry = owner?.models.get(pin.model);
      if (owner !== undefined && entry !== undefined) yield { ...pin, owner, entry };
    }
  }

  /** Changes from the log of the table's history; with them everything up to `revision` is known. */
  apply(entries: readonly RoutingEntry[], revision: number): void {
    for (const entry of entries) this.#applyEntry(entry);
    this.#advance(revision);
  }

  /**
   * Takes a whole snapshot page by page while the table goes on answering. `end` drops what no page mentioned
   * and nothing newer has touched.
   */
  beginSnapshot({ history, revision }: Position): SnapshotLoad {
    const load = ++this.#load;
    if (history === this.#history) {
      return {
        page: (entries) => {
          for (const entry of entries) this.#applyEntry(entry);
        },
        end: () => {
          this.#dropUnmentioned(load, revision);
          this.#advance(revision);
        },
      };
    }
    this.#history = undefined;
    this.#deletedModels.clear();
    this.#deletedTenants.clear();
    return {
      page: (entries) => {
        for (const entry of entries) this.#replaceEntry(entry);
      },
      end: () => {
        this.#dropUnmentioned(load, Number.POSITIVE_INFINITY);
        this.#history = history;
        this.#revision = revision;
      },
    };
  }

  /** What the table has is of another history: its revision says nothing. */
  #replaceEntry(entry: RoutingEntry): void {
    if (entry.kind === 'model') {
      if (entry.state === undefined)
        this.#dropModel(entry.tenant, this.#tenants.get(entry.tenant), entry.model);
      else this.#putModel(entry.tenant, entry.model, entry.revision, entry.state);
      return;
    }
    const slot = this.#tenants.get(entry.tenant) ?? this.#addTenant(entry.tenant);
    slot.load = this.#load;
    slot.revision = entry.revision;
    slot.shardSize = entry.settings?.shardSize;
  }

  #applyEntry(entry: RoutingEntry): void {
    const slot = this.#tenants.get(entry.tenant);
    const model = entry.kind === 'model' ? slot?.models.get(entry.model) : undefined;
    if (entry.kind === 'tenant' && slot !== undefined) slot.load = this.#load;
    if (model !== undefined) model.load = this.#load;
    if (entry.revision <= this.#revision) return;
    if (entry.kind === 'tenant') {
      if (entry.settings === undefined) this.#deleteTenant(entry.tenant, entry.revision);
      else this.#putTenant(entry.tenant, entry.revision, entry.settings);
    } else if (model !== undefined && model.revision >= entry.revision) return;
    else if (entry.state === undefined) this.#deleteModel(entry.tenant, entry.model, entry.revision);
    else this.#putModel(entry.tenant, entry.model, entry.revision, entry.state);
  }

  #putModel(tenant: string, model: string, revision: number, state: RoutingState): void {
    if (revision <= (this.#deletedTenants.get(tenant) ?? 0)) return;
    if (revision <= (this.#deletedModels.get(`${tenant}/${model}`) ?? 0)) return;
    const slot = this.#tenants.get(tenant) ?? this.#addTenant(tenant);
    if (slot.models.get(model) === undefined) this.#models++;
    slot.models.set(model, {
      revision,
      traffic: this.#traffics.share(state.traffic),
      versions: state.versions.map((version) => new ServedVersion(version, this.#specs.share(version.spec))),
      load: this.#load,
    });
    const { minCopies = 0 } = state;
    if (minCopies > 0) this.#pins.set(`${tenant}/${model}`, { tenant, model, minCopies });
    else if (this.#pins.size > 0) this.#pins.delete(`${tenant}/${model}`);
  }

  #deleteModel(tenant: string, model: string, revision: number): void {
    this.#dropModel(tenant, this.#tenants.get(tenant), model);
    remember(this.#deletedModels, `${tenant}/${model}`, revision);
  }

  #dropModel(tenant: string, slot: TenantSlot | undefined, model: string): void {
    if (slot?.models.delete(model) === true) this.#models--;
    if (this.#pins.size > 0) this.#pins.delete(`${tenant}/${model}`);
  }

  #addTenant(tenant: string): TenantSlot {
    const slot = {
      revision: 0,
      load: this.#load,
      shardSize: undefined,
      models: new SmallMap<ModelSlot>(),
    };
    this.#tenants.set(tenant, slot);
    return slot;
  }

  #putTenant(tenant: string, revision: number, settings: TenantSettings): void {
    if (revision <= (this.#deletedTenants.get(tenant) ?? 0)) return;
    const slot = this.#tenants.get(tenant) ?? this.#addTenant(tenant);
    if (slot.revision >= revision) return;
    slot.revision = revision;
    slot.shardSize = settings.shardSize;
  }

  /** Its models with it, but for those registered since. */
  #deleteTenant(tenant: string, revision: number): void {
    remember(this.#deletedTenants, tenant, revision);
    const slot = this.#tenants.get(tenant);
    if (slot === undefined) return;
    for (const [model, known] of slot.models) {
      if (known.revision <= revision) this.#dropModel(tenant, slot, model);
    }
    if (slot.revision > revision) return;
    slot.revision = 0;
    slot.shardSize = undefined;
    if (slot.models.size === 0) this.#tenants.delete(tenant);
  }

  #dropUnmentioned(load: number, revision: number): void {
    for (const [tenant, slot] of this.#tenants) {
      for (const [model, known] of slot.models) {
        if (known.load < load && known.revision <= revision) this.#dropModel(tenant, slot, model);
      }
      if (slot.load === load || slot.revision > revision) continue;
      slot.revision = 0;
      slot.shardSize = undefined;
      if (slot.models.size === 0) this.#tenants.delete(tenant);
    }
  }

  #advance(revision: number): void {
    if (revision <= this.#revision) return;
    this.#revision = revision;
    for (const deleted of [this.#deletedModels, this.#deletedTenants]) {
      for (const [name, deletedAt] of deleted) if (deletedAt <= revision) deleted.delete(name);
    }
  }
}

function remember(deleted: Map<string, number>, name: string, revision: number): void {
  if (revision > (deleted.get(name) ?? 0)) deleted.set(name, revision);
}
