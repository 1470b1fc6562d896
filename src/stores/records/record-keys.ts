import { createHash } from 'node:crypto';
import type { RegistryRecord } from '../registry/records.ts';

/** All records are below it. */
export const RECORDS = 'records/';
/** Shards are listed beside each other; a tenant's records are all in one. */
export const SHARDS: readonly string[] = '0123456789abcdef'.split('');

/** A tenant, or one of its models. */
export interface Name {
  readonly tenant: string;
  readonly model?: string;
}

/** What a key tells of a record without its content. */
export interface Head extends Name {
  readonly revision: number;
  /** Of a deletion. */
  readonly gone: boolean;
}

/** Stands where a model's name would; no model can be called so. */
const TENANT_ITSELF = '_';
const GONE = '.gone';
/** As many digits as the largest revision has, so that keys and revisions are in the same order. */
const DIGITS = 16;

/** `records/<shard>/<tenant>/<model, or _>/<revision>[.gone]` */
export function keyOf({ tenant, model, revision, gone }: Head): string {
  const name = `${prefixOfTenant(tenant)}${model ?? TENANT_ITSELF}`;
  return `${name}/${String(revision).padStart(DIGITS, '0')}${gone ? GONE : ''}`;
}

/** Undefined: a key that nothing of ours has. */
export function headOf(key: string): Head | undefined {
  const [, , tenant, model, last, ...more] = key.split('/');
  if (tenant === undefined || model === undefined || last === undefined || more.length > 0) return undefined;
  const gone = last.endsWith(GONE);
  const digits = gone ? last.slice(0, -GONE.length) : last;
  if (!/^\d{16}$/.test(digits)) return undefined;
  const head = { tenant, revision: Number(digits), gone };
  return model === TENANT_ITSELF ? head : { ...head, model };
}

export function headOfRecord(record: RegistryRecord): Head {
  const { tenant, revision } = record;
  if (record.kind === 'tenant') return { tenant, revision, gone: record.settings === undefined };
  return { tenant, model: record.model, revision, gone: record.state === undefined };
}

/** What a tombstone tells is all in its head. */
export function tombstoneOf({ tenant, model, revision }: Head): RegistryRecord {
  if (model === undefined) return { kind: 'tenant', tenant, revision };
  return { kind: 'model', tenant, model, revision };
}

export function prefixOf(shard: string): string {
  return `${RECORDS}${shard}/`;
}

export function prefixOfTenant(tenant: string): string {
  return `${prefixOf(shardOf(tenant))}${tenant}/`;
}

/** For maps and for people. */
export function nameText({ tenant, model }: Name): string {
  return model === undefined ? tenant : `${tenant}/${model}`;
}

export function nameFrom(text: string): Name {
  const slash = text.indexOf('/');
  if (slash === -1) return { tenant: text };
  return { tenant: text.slice(0, slash), model: text.slice(slash + 1) };
}

function shardOf(tenant: string): string {
  return createHash('sha256').update(tenant).digest('hex').slice(0, 1);
}
