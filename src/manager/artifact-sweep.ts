import type { ArtifactStore } from '../stores/artifacts/artifacts.ts';
import type { PlanStore } from '../stores/plans/plans.ts';
import type { Registry } from '../stores/registry/registry.ts';

export interface SweepDeps {
  readonly registry: Pick<Registry, 'digests'>;
  readonly artifacts: Pick<ArtifactStore, 'list' | 'delete'>;
  readonly plans: Pick<PlanStore, 'list' | 'delete'>;
  /** Milliseconds since 1970. */
  readonly now: () => number;
  readonly signal: AbortSignal;
}

/** Whatever a registration under way relies on was put or held less long ago than this. */
export const UNUSED_MS = 60 * 60 * 1000;

/**
 * Deletes the artifacts and plans that no version has: of deleted versions, and of registrations that failed late. What
 * is registered while it runs has just been used and is too young, as long as it takes less than half of the
 * age that it asks for; it stops there. Answers how many it deleted.
 */
export async function sweepArtifacts({
  registry,
  artifacts,
  plans,
  now,
  signal,
}: SweepDeps): Promise<number> {
  const lastMs = now() + UNUSED_MS / 2;
  const referenced = new Set<number>();
  for await (const digests of registry.digests()) {
    if (signal.aborted) return 0;
    for (const digest of digests) referenced.add(shortOf(digest));
  }
  // An empty registry says nothing of what is there: it may have lost everything.
  if (referenced.size === 0) return 0;
  let deleted = 0;
  for (const store of [artifacts, plans]) {
    for await (const { digest, usedMs } of store.list()) {
      if (signal.aborted || now() > lastMs) return deleted;
      if (now() - usedMs < UNUSED_MS || referenced.has(shortOf(digest))) continue;
      if (await store.delete(digest, UNUSED_MS)) deleted++;
    }
  }
  return deleted;
}

/** 52 bits, a tenth of the memory of the whole; should two ever meet, an artifact is kept that could go. */
export function shortOf(digest: string): number {
  return Number.parseInt(digest.slice('sha256:'.length, 'sha256:'.length + 13), 16);
}
