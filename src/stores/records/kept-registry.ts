import { ShoalError } from '../../core/errors.ts';
import type { Digest } from '../../core/ids.ts';
import type { Traffic } from '../../core/traffic-split.ts';
import type { Position } from '../registry/position.ts';
import type { RegistryRecord } from '../registry/records.ts';
import type {
  ModelSettings,
  PageRequest,
  RegisterOutcome,
  Registration,
  Registry,
  TenantSettings,
  VersionId,
} from '../registry/registry.ts';
import type { Name } from './record-keys.ts';
import type { Changed, RecordWriter } from './record-writer.ts';

/** Tenants whose records are known to be written. */
const MAX_KNOWN = 100_000;

/** Whether this process may change the registry now. */
export interface Changes {
  /** STORE_UNAVAILABLE when it may not: then nothing is changed. */
  begin(): ChangeUnderWay;
  /** Registry and records may differ, nobody knows in what: there are no changes until they have been compared. */
  doubt(): void;
}

export interface ChangeUnderWay {
  /** All up to this revision has its records. */
  readonly floor: number;
  /** Throws STORE_UNAVAILABLE when it may have got lost: somebody else leads by now, or the registry went back. */
  confirm(): void;
  end(): void;
}

/**
 * A registry whose changes are acknowledged when the object store has the records of all that they changed. Otherwise
 * STORE_UNAVAILABLE: the change may have been made and may be made again, which writes what is missing. Reads pass
 * through, but for those that acknowledge something: `lookUp`.
 */
export class KeptRegistry implements Registry {
  readonly #registry: Registry;
  readonly #writer: RecordWriter;
  readonly #changes: Changes;
  readonly #known = new Set<string>();

  constructor(registry: Registry, writer: RecordWriter, changes: Changes) {
    this.#registry = registry;
    this.#writer = writer;
    this.#changes = changes;
  }

  async register(registrations: readonly Registration[]): Promise<RegisterOutcome[]> {
    const names = uniqueNames(registrations);
    const tenants = [...new Set(registrations.map(({ tenant }) => tenant))].map((tenant) => ({ tenant }));
    return this.#change([...tenants, ...names], async (floor) => {
      const outcomes = await this.#registry.register(registrations);
      const changed = new Map<string, Changed>();
      const owners = new Set<string>();
      for (const [index, outcome] of outcomes.entries()) {
        const asked = registrations[index];
        if (asked === undefined || outcome.status === 'rejected') continue;
        const { tenant, model, activate } = asked;
        if (outcome.status === 'registered') owners.add(tenant);
        // Also for what is as it was if its record is still to be written.
        else if (!activate && !this.#writer.has({ tenant, model })) continue;
        const key = `${tenant}/${model}`;
        const revision = Math.max(outcome.revision, changed.get(key)?.revision ?? 0);
        changed.set(key, { tenant, model, revision });
      }
      return { result: outcomes, changed: [...changed.values(), ...(await this.#newTenants(owners, floor))] };
    });
  }

  deleteVersion(id: VersionId): Promise<{ revision: number }> {
    const { tenant, model } = id;
    return this.#deletion({ tenant, model }, () => this.#registry.deleteVersion(id));
  }

  deleteModel(tenant: string, model: string): Promise<{ revision: number }> {
    return this.#deletion({ tenant, model }, () => this.#registry.deleteModel(tenant, model));
  }

  deleteTenant(tenant: string): Promise<{ revision: number }> {
    return this.#change([{ tenant }], async () => {
      const result = await this.#registry.deleteTenant(tenant).catch((error: unknown) => {
        // Some of its models may be gone already, and that they are is not to be told to anybody.
        if (isUncertain(error)) this.#changes.doubt();
        throw error;
      });
      return { result, changed: [{ tenant, revision: result.revision, deleted: true }] };
    });
  }

  setTraffic(tenant: string, model: string, traffic: Traffic, ifRevision?: number) {
    return this.#ofOne({ tenant, model }, () =>
      this.#registry.setTraffic(tenant, model, traffic, ifRevision),
    );
  }

  putModelSettings(tenant: string, model: string, settings: ModelSettings) {
    return this.#ofOne({ tenant, model }, () => this.#registry.putModelSettings(tenant, model, settings));
  }

  putTenant(tenant: string, settings: TenantSettings) {
    return this.#ofOne({ tenant }, () => this.#registry.putTenant(tenant, settings));
  }

  liftQuarantine(id: VersionId) {
    const { tenant, model } = id;
    return this.#ofOne({ tenant, model }, () => this.#registry.liftQuarantine(id));
  }

  /** Strikes have no record, quarantine has. */
  strike(id: VersionId, preparedDigest: Digest, reason: string, crash: string) {
    const { tenant, model } = id;
    return this.#change([{ tenant, model }], async () => {
      const result = await this.#registry.strike(id, preparedDigest, reason, crash);
      return { result, changed: result.guilty ? [{ tenant, model }] : [] };
    });
  }

  withdrawStrikes(culprit: VersionId, crash: string) {
    return this.#registry.withdrawStrikes(culprit, crash);
  }

  /** That a version is there already is an acknowledgement too. */
  async lookUp(ids: readonly VersionId[]) {
    const found = await this.#registry.lookUp(ids);
    await this.#writer.settled(uniqueNames(ids.filter((_, index) => found[index]?.present !== undefined)));
    return found;
  }

  position() {
    return this.#registry.position();
  }
  isUnbroken() {
    return this.#registry.isUnbroken();
  }
  version(tenant: string, model: string, version: string) {
    return this.#registry.version(tenant, model, version);
  }
  versions(ids: readonly VersionId[]) {
    return this.#registry.versions(ids);
  }
  model(tenant: string, model: string) {
    return this.#registry.model(tenant, model);
  }
  models(tenant: string, page: PageRequest) {
    return this.#registry.models(tenant, page);
  }
  tenant(tenant: string) {
    return this.#registry.tenant(tenant);
  }
  tenants(page: PageRequest) {
    return this.#registry.tenants(page);
  }
  snapshot() {
    return this.#registry.snapshot();
  }
  follow(position: Position, signal: AbortSignal) {
    return this.#registry.follow(position, signal);
  }
  record(tenant: string, model?: string) {
    return this.#registry.record(tenant, model);
  }
  records() {
    return this.#registry.records();
  }
  restore(_pages: AsyncIterable<readonly RegistryRecord[]>): Promise<Position> {
    throw new Error('a registry that is kept is restored by its keeper only');
  }
  digests() {
    return this.#registry.digests();
  }
  close() {
    return this.#registry.close();
  }

  #ofOne<T>(name: Name, change: () => Promise<T>): Promise<T> {
    return this.#change([name], async () => ({ result: await change(), changed: [name] }));
  }

  #deletion(name: Name, change: () => Promise<{ revision: number }>): Promise<{ revision: number }> {
    return this.#change([name], async () => {
      const result = await change();
      return { result, changed: [{ ...name, revision: result.revision }] };
    });
  }

  async #change<T>(
    names: readonly Name[],
    change: (floor: number) => Promise<{ result: T; changed: readonly Changed[] }>,
  ): Promise<T> {
    const underWay = this.#changes.begin();
    try {
      const { result, changed } = await this.#made(names, () => change(underWay.floor));
      await this.#written(changed);
      underWay.confirm();
      return result;
    } finally {
      underWay.end();
    }
  }

  async #made<T>(names: readonly Name[], change: () => Promise<T>): Promise<T> {
    try {
      return await change();
    } catch (error) {
      if (isUncertain(error)) {
        this.#writer.owe(names);
        throw error;
      }
      // A refusal may rest on a change that isn't kept yet: that something was deleted, say.
      await this.#writer.settled(names);
      throw error;
    }
  }

  async #written(changed: readonly Changed[]): Promise<void> {
    try {
      await this.#writer.write(changed);
    } catch (error) {
      const why = error instanceof Error ? error.message : String(error);
      throw new ShoalError(
        'STORE_UNAVAILABLE',
        `the change may have been made, but is not in the object store yet; make it again: ${why}`,
        { cause: error },
      );
    }
    for (const { tenant, model } of changed) if (model === undefined) this.#remember(tenant);
  }

  /** A registration makes the tenant that isn't there. */
  async #newTenants(tenants: ReadonlySet<string>, floor: number): Promise<Changed[]> {
    const unknown = [...tenants].filter((tenant) => !this.#known.has(tenant));
    const changed = await Promise.all(
      unknown.map(async (tenant) => {
        const record = await this.#registry.record(tenant);
        if (record === undefined || record.revision > floor) return [{ tenant }];
        this.#remember(tenant);
        return [];
      }),
    );
    return changed.flat();
  }

  #remember(tenant: string): void {
    this.#known.add(tenant);
    for (const oldest of this.#known) {
      if (this.#known.size <= MAX_KNOWN) break;
      this.#known.delete(oldest);
    }
  }
}

/** What it failed at may have been done. */
function isUncertain(error: unknown): boolean {
  return !(error instanceof ShoalError) || error.code === 'STORE_UNAVAILABLE';
}

function uniqueNames(ids: readonly { tenant: string; model: string }[]): Name[] {
  const names = new Map(ids.map(({ tenant, model }) => [`${tenant}/${model}`, { tenant, model }]));
  return [...names.values()];
}
