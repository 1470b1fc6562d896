import { createHash } from 'node:crypto';
import { canonicalJson, parseCanonicalJson } from '../../model/canonical-json.ts';
import type { RegistryRecord } from '../registry/records.ts';

const FORMAT = 1;

/** Canonical JSON that carries its own checksum. */
export function recordText(record: RegistryRecord): string {
  return canonicalJson({ format: FORMAT, record, sha256: checksum(record) });
}

export type ReadRecord =
  | { readonly record: RegistryRecord }
  /** What is wrong with it, in words that go on after "it". */
  | { readonly corrupt: string };

export function readRecord(text: string): ReadRecord {
  let value: Record<string, unknown>;
  try {
    value = parseCanonicalJson(text) as Record<string, unknown>;
  } catch {
    return { corrupt: 'is no JSON' };
  }
  if (typeof value !== 'object' || value === null) return { corrupt: 'is no record' };
  if (value['format'] !== FORMAT)
    return { corrupt: `has format ${String(value['format'])}, and this Shoal reads ${FORMAT} only` };
  if (value['sha256'] !== checksum(value['record'])) return { corrupt: 'does not have its checksum' };
  return { record: value['record'] as RegistryRecord };
}

function checksum(record: unknown): string {
  return createHash('sha256')
    .update(canonicalJson(record ?? null))
    .digest('hex');
}
