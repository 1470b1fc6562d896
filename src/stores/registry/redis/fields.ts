import type { Digest } from '../../../core/ids.ts';
import type { Traffic } from '../../../core/traffic-split.ts';
import { canonicalJson } from '../../../model/canonical-json.ts';
import type { Quarantine, Resources } from '../registry.ts';
import type { RowEntry } from '../rows.ts';

/** A model as its hash tells (see common.lua). */
export interface ModelFields {
  readonly revision: number;
  readonly minCopies: number;
  readonly stable: string | undefined;
  readonly canary: Share | undefined;
  readonly shadow: Share | undefined;
  /** In the order in which they were registered. */
  readonly versions: readonly VersionFields[];
}

export interface Share {
  readonly version: string;
  /** As it is written. */
  readonly percent: string;
}

export interface VersionFields {
  readonly version: string;
  readonly revision: number;
  readonly digest: Digest;
  readonly preparedDigest: Digest;
  readonly bytes: number;
  readonly resources: Resources;
  readonly spec: string;
  readonly config: string;
  readonly executor: string;
  readonly quarantine?: Quarantine;
  readonly strikes: readonly (readonly [atMs: number, crash: string])[];
}

/** Undefined: it isn't there. */
export function readModel(list: readonly string[]): ModelFields | undefined {
  if (list.length === 0) return undefined;
  const fields = new Map<string, string>();
  for (let at = 0; at < list.length; at += 2) fields.set(list[at] as string, list[at + 1] as string);
  const versions: VersionFields[] = [];
  for (const name of fields.keys())
    if (name.startsWith('v')) versions.push(readVersion(name.slice(1), fields));
  if (versions.length > 1) versions.sort((a, b) => a.revision - b.revision);
  return {
    revision: Number(fields.get('r')),
    minCopies: Number(fields.get('c') ?? 0),
    stable: fields.get('ts'),
    canary: readShare(fields.get('tc')),
    shadow: readShare(fields.get('th')),
    versions,
  };
}

export function trafficOf({ stable, canary, shadow }: ModelFields): Traffic {
  return {
    ...(stable === undefined ? {} : { stable }),
    ...(canary === undefined ? {} : { canary: { ...canary, percent: Number(canary.percent) } }),
    ...(shadow === undefined ? {} : { shadow: { ...shadow, percent: Number(shadow.percent) } }),
  };
}

/** What a routing table needs of it. */
export function entryOf(tenant: string, model: string, fields: ModelFields): RowEntry<string> {
  const { revision, minCopies, stable, canary, shadow, versions } = fields;
  const onlyStable = stable !== undefined && canary === undefined && shadow === undefined;
  const state = {
    traffic: onlyStable ? `{"stable":${JSON.stringify(stable)}}` : canonicalJson(trafficOf(fields)),
    ...(minCopies === 0 ? {} : { minCopies }),
    versions: versions.map(({ version, preparedDigest, resources, spec, quarantine }) => ({
      version,
      preparedDigest,
      residentBytes: resources.residentBytes,
      specId: spec,
      ...(quarantine === undefined ? {} : { quarantine }),
    })),
  };
  return { kind: 'model', tenant, model, revision, state };
}

/** As set-traffic.lua takes it: stable, '', canary, its percent, shadow, its percent. */
export function packTraffic({ stable, canary, shadow }: Traffic) {
  return [
    stable ?? '',
    '',
    canary?.version ?? '',
    canary === undefined ? '' : canonicalJson(canary.percent),
    shadow?.version ?? '',
    shadow === undefined ? '' : canonicalJson(shadow.percent),
  ] as const;
}

export function packDigest(digest: Digest): string {
  return Buffer.from(digest.slice('sha256:'.length), 'hex').toString('base64url');
}

export function unpackDigest(packed: string): Digest {
  return `sha256:${Buffer.from(packed, 'base64url').toString('hex')}`;
}

/** "<ms since 1970> <reason>" */
export function unpackQuarantine(packed: string): Quarantine {
  const space = packed.indexOf(' ');
  return {
    reason: packed.slice(space + 1),
    since: new Date(Number(packed.slice(0, space))).toISOString(),
  };
}

function readVersion(version: string, fields: ReadonlyMap<string, string>): VersionFields {
  const of = (kind: string): string => fields.get(kind + version) ?? '';
  const [revision = '', spec = '', config = '', executor = ''] = of('v').split(' ');
  const [residentBytes, bytes, loadMs, runMs] = of('l').split(' ').map(Number);
  const digest = unpackDigest(of('d'));
  const prepared = of('p');
  const quarantine = of('q');
  const strikes = of('s');
  return {
    version,
    revision: Number(revision),
    digest,
    preparedDigest: prepared === '' ? digest : unpackDigest(prepared),
    bytes: bytes ?? 0,
    resources: { residentBytes: residentBytes ?? 0, loadMs: loadMs ?? 0, runMs: runMs ?? 0 },
    spec,
    config,
    executor,
    ...(quarantine === '' ? {} : { quarantine: unpackQuarantine(quarantine) }),
    strikes: strikes === '' ? [] : (JSON.parse(strikes) as VersionFields['strikes']),
  };
}

function readShare(text: string | undefined): Share | undefined {
  if (text === undefined) return undefined;
  const space = text.indexOf(' ');
  return { version: text.slice(space + 1), percent: text.slice(0, space) };
}
