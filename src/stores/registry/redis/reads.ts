import { createHash } from 'node:crypto';
import { parseCanonicalJson } from '../../../model/canonical-json.ts';
import type { ModelConfig } from '../../../model/config.ts';
import type { ExecutorChoice } from '../../../model/executor-choice.ts';
import { deletedTenant, tooManyVersions } from '../refusals.ts';
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
} from '../registry.ts';
import { parseSpec } from '../rows.ts';
import { type Calls, registryScript } from './calls.ts';
import { type ModelFields, readModel, trafficOf, type VersionFields } from './fields.ts';

export const READ = registryScript('read');
const TENANTS = registryScript('tenants');
const MODELS = registryScript('models');

/** So many models in one script, which holds Redis up for a few milliseconds. */
export const MODELS_AT_ONCE = 250;
const NAMES_AT_ONCE = 1_000;

/** Undefined settings: deleted. */
export interface TenantFields {
  readonly tenant: string;
  readonly revision: number;
  readonly settings?: TenantSettings;
}

export class Reads {
  readonly #calls: Calls;
  readonly #limits: { readonly versionsPerModel: number; readonly strikeMs: number };
  readonly #nowMs: (() => number) | undefined;

  constructor(
    calls: Calls,
    limits: { readonly versionsPerModel: number; readonly strikeMs: number },
    nowMs: (() => number) | undefined,
  ) {
    this.#calls = calls;
    this.#limits = limits;
    this.#nowMs = nowMs;
  }

  async versions(ids: readonly VersionId[]): Promise<(VersionRecord | undefined)[]> {
    const { timeMs, found } = await this.#read(ids.map(({ tenant, model }) => `${tenant}/${model}`));
    const models = found.map(readModel);
    const values = await this.values(models.flatMap((model) => model?.versions ?? []));
    return ids.map((id, index) => {
      const fields = models[index]?.versions.find(({ version }) => version === id.version);
      return fields === undefined ? undefined : this.versionRecord(id, fields, values, timeMs);
    });
  }

  versionRecord(
    { tenant, model }: { readonly tenant: string; readonly model: string },
    fields: VersionFields,
    values: ReadonlyMap<string, string>,
    timeMs: number,
  ): VersionRecord {
    const { version, revision, digest, preparedDigest, bytes, resources, quarantine } = fields;
    const since = (this.#nowMs?.() ?? timeMs) - this.#limits.strikeMs;
    return {
      tenant,
      model,
      version,
      revision,
      strikes: fields.strikes.filter(([atMs]) => atMs > since).length,
      ...(quarantine === undefined ? {} : { quarantine }),
      config: parseCanonicalJson(valueOf(values, fields.config)) as ModelConfig,
      artifact: {
        digest,
        bytes,
        preparedDigest,
        executor: parseExecutor(valueOf(values, fields.executor)),
        spec: parseSpec(valueOf(values, fields.spec)),
        resources,
      },
    };
  }

  /** The JSON of all that the versions name. */
  async values(versions: readonly VersionFields[]): Promise<Map<string, string>> {
    const ids = [...new Set(versions.flatMap(({ spec, config, executor }) => [spec, config, executor]))];
    const values = new Map<string, string>();
    for (let at = 0; at < ids.length; at += NAMES_AT_ONCE) {
      const some = ids.slice(at, at + NAMES_AT_ONCE);
      for (const [index, json] of (await this.#calls.values(some)).entries())
        values.set(some[index] ?? '', json);
    }
    return values;
  }

  async lookUp(ids: readonly VersionId[]): Promise<VersionLookup[]> {
    const { found } = await this.#read(ids.flatMap(({ tenant, model }) => [tenant, `${tenant}/${model}`]));
    const models = ids.map((_, index) => readModel(found[2 * index + 1] ?? []));
    const present = ids.map((id, index) =>
      models[index]?.versions.find(({ version }) => version === id.version),
    );
    const values = await this.values(present.filter((fields) => fields !== undefined));
    return ids.map(({ tenant, model }, index) => {
      const stable = models[index]?.stable;
      const lookup = stable === undefined ? {} : { stable };
      const fields = present[index];
      if (fields !== undefined) return { ...lookup, present: presentOf(fields, values) };
      const { versionsPerModel } = this.#limits;
      const [owner] = found[2 * index] ?? [];
      if (owner !== undefined && readTenant(tenant, owner).settings === undefined)
        return { ...lookup, refusal: deletedTenant(tenant) };
      if ((models[index]?.versions.length ?? 0) < versionsPerModel) return lookup;
      return { ...lookup, refusal: tooManyVersions(tenant, model, versionsPerModel) };
    });
  }

  async model(tenant: string, model: string): Promise<ModelRecord | undefined> {
    const { found } = await this.#read([`${tenant}/${model}`]);
    const fields = readModel(found[0] ?? []);
    return fields === undefined ? undefined : modelRecord(tenant, model, fields);
  }

  async models(tenant: string, { pageSize, after = '' }: PageRequest): Promise<Page<ModelSummary>> {
    const rows = await this.#calls.read(MODELS, [tenant, after, pageSize + 1]);
    const items: ModelSummary[] = [];
    for (let at = 0; at < rows.length; at += 3) {
      const [model, versions, stable] = rows.slice(at, at + 3) as [string, number, string];
      items.push({ model, stable: stable === '' ? null : stable, versions });
    }
    return cutPage(items, pageSize, ({ model }) => model);
  }

  async tenant(tenant: string): Promise<TenantRecord | undefined> {
    const { found } = await this.#read([tenant]);
    const [text] = found[0] ?? [];
    return text === undefined ? undefined : there(readTenant(tenant, text));
  }

  async tenants({ pageSize, after = '' }: PageRequest): Promise<Page<TenantRecord>> {
    const items: TenantRecord[] = [];
    for (let from: string | undefined = after; from !== undefined && items.length <= pageSize; ) {
      const page: TenantsPage = tenantsPage(
        await this.#calls.read(TENANTS, [from, pageSize + 1]),
        pageSize + 1,
      );
      for (const each of page.rows) items.push(...[there(each) ?? []].flat());
      from = page.next;
    }
    return cutPage(items.slice(0, pageSize + 1), pageSize, ({ tenant }) => tenant);
  }

  /** Deleted ones too, in whatever state the registry is. */
  async tenantsAfter(after: string): Promise<TenantsPage> {
    const { rest } = await this.#calls.readAnyway(TENANTS, [after, NAMES_AT_ONCE]);
    return tenantsPage(rest, NAMES_AT_ONCE);
  }

  /** By names as read.lua takes them: with the history that there must be. */
  async #read(names: readonly string[]): Promise<{ timeMs: number; found: string[][] }> {
    const found: string[][] = [];
    let timeMs = 0;
    for (let at = 0; at < names.length; at += MODELS_AT_ONCE) {
      const [time, ...some] = await this.#calls.read(READ, names.slice(at, at + MODELS_AT_ONCE));
      timeMs = Number(time);
      found.push(...(some as string[][]));
    }
    return { timeMs, found };
  }
}

export interface TenantsPage {
  readonly rows: readonly TenantFields[];
  readonly next: string | undefined;
}

function tenantsPage(rest: readonly unknown[], limit: number): TenantsPage {
  const rows: TenantFields[] = [];
  for (const text of rest as readonly string[]) {
    const space = text.indexOf(' ');
    rows.push(readTenant(text.slice(0, space), text.slice(space + 1)));
  }
  return { rows, next: rows.length < limit ? undefined : rows.at(-1)?.tenant };
}

/** `text` as it stands in Redis after its name: "<revision> <settings>", or "<revision>" of one that was deleted. */
export function readTenant(tenant: string, text: string): TenantFields {
  const space = text.indexOf(' ');
  if (space === -1) return { tenant, revision: Number(text) };
  const settings = parseCanonicalJson(text.slice(space + 1)) as TenantSettings;
  return { tenant, settings, revision: Number(text.slice(0, space)) };
}

export function modelRecord(tenant: string, model: string, fields: ModelFields): ModelRecord {
  const { versions, minCopies, revision } = fields;
  return {
    tenant,
    model,
    traffic: trafficOf(fields),
    settings: { minCopies },
    versions: versions.map(({ version }) => version),
    quarantined: versions.flatMap(({ version, quarantine }) =>
      quarantine === undefined ? [] : [{ version, ...quarantine }],
    ),
    revision,
  };
}

function there({ tenant, settings, revision }: TenantFields): TenantRecord | undefined {
  return settings === undefined ? undefined : { tenant, settings, revision };
}

function presentOf(fields: VersionFields, values: ReadonlyMap<string, string>) {
  const { digest, preparedDigest, config, executor, revision } = fields;
  const configHash = createHash('sha256').update(valueOf(values, config)).digest('hex');
  return { digest, preparedDigest, executor: parseExecutor(valueOf(values, executor)), configHash, revision };
}

/** One item more than the page was asked for: whether there is a next page. */
function cutPage<T>(items: readonly T[], pageSize: number, nameOf: (item: T) => string): Page<T> {
  const last = items[pageSize - 1];
  if (items.length <= pageSize || last === undefined) return { items };
  return { items: items.slice(0, pageSize), next: nameOf(last) };
}

function valueOf(values: ReadonlyMap<string, string>, id: string): string {
  const json = values.get(id);
  if (json === undefined) throw new Error(`the value ${id} was not asked for`);
  return json;
}

function parseExecutor(json: string): ExecutorChoice {
  return parseCanonicalJson(json) as unknown as ExecutorChoice;
}
