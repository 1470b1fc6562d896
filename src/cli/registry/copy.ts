import type { Needed } from '../../stores/records/contents.ts';
import type { Contents } from './places.ts';

/** A plan names its structure. */
export type Lacking = Needed & { readonly structure?: Needed };

const AT_ONCE = 16;

/** Those that aren't there whole; the others count as used now, so that nobody deletes them for an hour. */
export function lackingIn({ artifacts, plans }: Contents, needed: readonly Lacking[]): Promise<Lacking[]> {
  return without(needed, ({ kind, digest }) =>
    kind === 'artifact' ? artifacts.holds(digest) : plans.holds(digest),
  );
}

/** Answers those that `from` lacks too. */
export function copyContents(from: Contents, to: Contents, lacking: readonly Lacking[]): Promise<Lacking[]> {
  return without(lacking, async ({ kind, digest, structure }) => {
    if (kind === 'artifact') {
      const bytes = await from.artifacts.read(digest);
      if (bytes !== undefined) await to.artifacts.putBytes(bytes);
      return bytes !== undefined;
    }
    if (structure === undefined) return false;
    const bytes = await from.fetcher.fetch(digest);
    const shared = await from.fetcher.fetchStructure(structure.digest);
    if (bytes === undefined || shared === undefined) return false;
    await to.plans.put({ digest, bytes, structureDigest: structure.digest, structure: shared });
    return true;
  });
}

async function without(
  items: readonly Lacking[],
  isThere: (item: Lacking) => Promise<boolean>,
): Promise<Lacking[]> {
  const left: Lacking[] = [];
  for (let at = 0; at < items.length; at += AT_ONCE) {
    const some = items.slice(at, at + AT_ONCE);
    const there = await Promise.all(some.map(isThere));
    left.push(...some.filter((_, index) => there[index] === false));
  }
  return left;
}
