import type { ModelHistory, WorkerState } from '../wire/control.ts';
import { parseModelKey } from '../wire/model-key.ts';

/** One version's life in a worker, as the tenant's own people may see it. */
export type VersionLife = Omit<ModelHistory, 'key'> & { readonly version: string; readonly digest: string };

/**
 * What a worker remembers of the versions of one model. The model that took a version's room is named only when it
 * is the same tenant's: whoever may read one tenant's models isn't told of another's. Workers log the name (debug).
 */
export function versionLives(state: WorkerState): VersionLife[] {
  return (state.history ?? []).flatMap((life) => {
    const parts = parseModelKey(life.key);
    if (parts === undefined) return [];
    const { key: _, eviction, ...rest } = life;
    const { tenant, version, digest } = parts;
    return [
      { version, digest, ...rest, ...(eviction === undefined ? {} : { eviction: within(tenant, eviction) }) },
    ];
  });
}

function within(
  tenant: string,
  eviction: NonNullable<ModelHistory['eviction']>,
): NonNullable<ModelHistory['eviction']> {
  const { for: displacer, ...rest } = eviction;
  return displacer !== undefined && parseModelKey(displacer)?.tenant === tenant ? eviction : rest;
}
