import type { ScriptArgument } from '../../redis/script.ts';
import { pagesOf } from '../pages.ts';
import type { Digest } from '../../../core/ids.ts';
import type { ModelState, RegistryRecord, TenantState } from '../records.ts';
import type { RoutingEntry, RoutingPage } from '../registry.ts';
import { parseSpec } from '../rows.ts';
import { SharedSpecs } from '../shared-specs.ts';
import { type Calls, registryScript } from './calls.ts';
import { entryOf, type ModelFields, readModel, trafficOf } from './fields.ts';
import { MODELS_AT_ONCE, READ, readTenant, type Reads, type TenantFields } from './reads.ts';

const PAGE = registryScript('page');
const FIRST = { tenant: '', model: '' };

interface FoundModel {
  readonly tenant: string;
  readonly model: string;
  readonly fields: ModelFields;
}

type Reader = (script: typeof PAGE, args: readonly ScriptArgument[]) => Promise<readonly unknown[]>;

/** All that the registry has, page by page. */
export class Scans {
  readonly specs: SharedSpecs<string>;
  readonly #calls: Calls;
  readonly #reads: Reads;

  constructor(calls: Calls, reads: Reads) {
    this.#calls = calls;
    this.#reads = reads;
    this.specs = new SharedSpecs<string>(async (ids) => (await calls.values(ids)).map(parseSpec));
  }

  /**
   * The pages are read one after the other, each as of its own moment, and all carry the position from before the
   * first. What changed meanwhile may or may not be in the pages, but it is in the log after that position; an entry
   * that is newer says so in its own revision.
   */
  async *snapshot(): AsyncGenerator<RoutingPage> {
    const position = await this.#calls.current();
    // An empty registry has one empty page, so that its position is known.
    yield { position, entries: [] };
    for await (const tenants of pagesOf('', (after) => this.#reads.tenantsAfter(after)))
      yield { position, entries: tenants.flatMap(tenantEntry) };
    const reader: Reader = (script, args) => this.#calls.readAt(position, script, args);
    for await (const models of this.#models(reader)) {
      const rows = models.map(({ tenant, model, fields }) => entryOf(tenant, model, fields));
      yield { position, entries: await this.specs.resolve(rows) };
    }
    await this.#calls.readAt(position, READ, []);
  }

  async record(tenant: string, model: string | undefined): Promise<RegistryRecord | undefined> {
    const name = model === undefined ? tenant : `${tenant}/${model}`;
    const [, found = []] = (await this.#calls.readAnyway(READ, [name])).rest as [string, string[]?];
    if (model === undefined)
      return found[0] === undefined ? undefined : tenantState(readTenant(tenant, found[0]));
    const fields = readModel(found);
    return fields === undefined ? undefined : (await this.#states([{ tenant, model, fields }]))[0];
  }

  async *records(): AsyncGenerator<readonly RegistryRecord[]> {
    for await (const tenants of pagesOf('', (after) => this.#reads.tenantsAfter(after)))
      yield tenants.map(tenantState);
    const reader: Reader = async (script, args) => (await this.#calls.readAnyway(script, args)).rest;
    for await (const models of this.#models(reader)) yield this.#states(models);
  }

  async *digests(): AsyncGenerator<Digest[]> {
    for await (const models of this.#models((script, args) => this.#calls.read(script, args))) {
      const versions = models.flatMap(({ fields }) => fields.versions);
      yield versions.flatMap(({ digest, preparedDigest }) => [digest, preparedDigest]);
    }
  }

  #models(read: Reader): AsyncGenerator<FoundModel[]> {
    return pagesOf(FIRST, async (after) => {
      const rest = await read(PAGE, [after.tenant, after.model, MODELS_AT_ONCE]);
      const [tenant, model, json] = rest as [string, string, string];
      const found = JSON.parse(json) as (string | string[])[];
      const rows: FoundModel[] = [];
      for (let at = 0; at < found.length; at += 3) {
        const fields = readModel(found[at + 2] as string[]);
        if (fields !== undefined)
          rows.push({ tenant: found[at] as string, model: found[at + 1] as string, fields });
      }
      return { rows, next: tenant === '' ? undefined : { tenant, model } };
    });
  }

  async #states(models: readonly FoundModel[]): Promise<ModelState[]> {
    const values = await this.#reads.values(models.flatMap(({ fields }) => fields.versions));
    return models.map(({ tenant, model, fields }) => {
      const versions = fields.versions.map((version) => ({
        ...this.#reads.versionRecord({ tenant, model }, version, values, 0),
        strikes: 0,
      }));
      const { revision, minCopies } = fields;
      const state = { traffic: trafficOf(fields), settings: { minCopies }, versions };
      return { kind: 'model', tenant, model, revision, state };
    });
  }
}

function tenantState({ tenant, revision, settings }: TenantFields): TenantState {
  return { kind: 'tenant', tenant, revision, ...(settings === undefined ? {} : { settings }) };
}

function tenantEntry(fields: TenantFields): RoutingEntry[] {
  return fields.settings === undefined ? [] : [tenantState(fields)];
}
