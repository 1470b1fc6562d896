import type { Digest } from '../core/ids.ts';
import { ShoalError } from '../core/errors.ts';
import { Comparison } from '../stores/records/comparison.ts';
import { type Needed, neededBy, versionsOf } from '../stores/records/contents.ts';
import { nameText } from '../stores/records/record-keys.ts';
import type { RecordObjects } from '../stores/records/records.ts';
import type { RegistryRecord } from '../stores/registry/records.ts';
import type { Registry } from '../stores/registry/registry.ts';
import { shortOf, UNUSED_MS } from './artifact-sweep.ts';

/** A kind of content, where it is listed and deleted. */
export interface ContentStore {
  readonly kind: Needed['kind'];
  list(): AsyncIterable<{ readonly digest: Digest; readonly bytes: number; readonly usedMs: number }>;
  delete(digest: Digest, unusedMs: number): Promise<boolean>;
}

export interface GarbageDeps {
  readonly registry: Pick<Registry, 'position' | 'records'>;
  /** Absent: the registry alone counts. */
  readonly records?: Pick<RecordObjects, 'heads' | 'get'>;
  readonly stores: readonly ContentStore[];
  /** Milliseconds since 1970. */
  readonly now: () => number;
}

export interface Garbage extends Needed {
  readonly bytes: number;
}

/**
 * What no version needs, of registry or records, and nobody has put or used for an hour. A record that can't be read
 * might need anything: STORE_UNAVAILABLE.
 */
export async function findGarbage({ registry, records, stores, now }: GarbageDeps): Promise<Garbage[]> {
  const needed = await neededContents({ registry, records });
  const garbage: Garbage[] = [];
  for (const store of stores) {
    for await (const { digest, bytes, usedMs } of store.list()) {
      if (now() - usedMs < UNUSED_MS || needed.has(shortOf(digest))) continue;
      garbage.push({ kind: store.kind, digest, bytes });
    }
  }
  return garbage;
}

/** Looks a second time whether anybody needs it by now; answers what was deleted. */
export async function deleteGarbage(deps: GarbageDeps, garbage: readonly Garbage[]): Promise<Garbage[]> {
  const needed = await neededContents(deps);
  const lastMs = deps.now() + UNUSED_MS / 2;
  const stores = new Map(deps.stores.map((store) => [store.kind, store]));
  const deleted: Garbage[] = [];
  for (const each of garbage) {
    // What is registered meanwhile has just been used and is too young, for as long as this takes no longer.
    if (deps.now() > lastMs) break;
    if (needed.has(shortOf(each.digest))) continue;
    if (await stores.get(each.kind)?.delete(each.digest, UNUSED_MS)) deleted.push(each);
  }
  return deleted;
}

async function neededContents({
  registry,
  records,
}: Pick<GarbageDeps, 'registry'> & { records?: GarbageDeps['records'] | undefined }): Promise<Set<number>> {
  const needed = new Set<number>();
  const need = (record: RegistryRecord): void => {
    for (const version of versionsOf(record))
      for (const { digest } of neededBy(version)) needed.add(shortOf(digest));
  };
  const position = await registry.position();
  const heads = await records?.heads();
  if (position === undefined && (heads?.size ?? 0) === 0)
    throw new ShoalError(
      'STORE_UNAVAILABLE',
      'the registry has no history, and there are no records of it: what is needed is not known',
    );
  const comparison = heads === undefined ? undefined : new Comparison(heads);
  for await (const page of registry.records()) {
    for (const record of page) {
      need(record);
      comparison?.see(record);
    }
  }
  // A registry that is empty, or behind, is about to get these back.
  for (const head of comparison?.end(position).restore ?? []) {
    if (head.gone) continue;
    const read = await records?.get(head);
    if (read !== undefined && 'record' in read) need(read.record);
    else
      throw new ShoalError(
        'STORE_UNAVAILABLE',
        `the record of ${nameText(head)} at revision ${head.revision} can't be read, and what it needs isn't known`,
      );
  }
  return needed;
}
