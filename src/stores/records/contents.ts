import type { Digest } from '../../core/ids.ts';
import type { RegistryRecord } from '../registry/records.ts';
import type { VersionRecord } from '../registry/registry.ts';

/** What a version needs in the stores of artifacts and plans. */
export interface Needed {
  readonly kind: 'artifact' | 'plan' | 'structure';
  readonly digest: Digest;
}

export function neededBy({ artifact }: VersionRecord): Needed[] {
  const { digest, preparedDigest, executor } = artifact;
  const registered: Needed = { kind: 'artifact', digest };
  if (executor.executor === 'plan')
    return [
      registered,
      { kind: 'plan', digest: preparedDigest },
      { kind: 'structure', digest: executor.structureDigest },
    ];
  return preparedDigest === digest
    ? [registered]
    : [registered, { kind: 'artifact', digest: preparedDigest }];
}

export function versionsOf(record: RegistryRecord): readonly VersionRecord[] {
  return record.kind === 'model' ? (record.state?.versions ?? []) : [];
}
