import type { Digest } from '../core/ids.ts';
import { isDigest } from '../core/ids.ts';

/**
 * How routers and workers name one version of one model: `tenant/model/version@sha256:...`, the digest being
 * that of the prepared artifact. The digest keeps a version that was deleted and registered anew apart.
 */
export type ModelKey = string;

export interface ModelKeyParts {
  tenant: string;
  model: string;
  version: string;
  digest: Digest;
}

export function modelKey(parts: ModelKeyParts): ModelKey {
  return `${parts.tenant}/${parts.model}/${parts.version}@${parts.digest}`;
}

/** Of a key; of another text, whatever stands before its first slash. */
export function tenantOf(key: ModelKey): string {
  return key.slice(0, Math.max(0, key.indexOf('/')));
}

/** Undefined when the text is no key: it came over a wire. */
export function parseModelKey(key: ModelKey): ModelKeyParts | undefined {
  const at = key.indexOf('@');
  const [tenant, model, version, ...rest] = key.slice(0, at).split('/');
  const digest = key.slice(at + 1);
  if (at < 0 || !tenant || !model || !version || rest.length > 0 || !isDigest(digest)) return undefined;
  return { tenant, model, version, digest };
}
