import { createHash } from 'node:crypto';
import type { Digest } from '../core/ids.ts';
import { canonicalJson } from '../model/canonical-json.ts';
import type { ModelConfig } from '../model/config.ts';

/** The configs that a bulk stream defines are one object for thousands of lines. */
const known = new WeakMap<ModelConfig, Digest>();

/** Of equal configs the same, however their members are ordered. A config is never changed once it was read. */
export function configDigest(config: ModelConfig): Digest {
  let digest = known.get(config);
  if (digest === undefined) {
    digest = `sha256:${createHash('sha256').update(canonicalJson(config)).digest('hex')}`;
    known.set(config, digest);
  }
  return digest;
}
