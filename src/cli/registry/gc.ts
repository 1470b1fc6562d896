import { deleteGarbage, findGarbage, type Garbage } from '../../manager/garbage.ts';
import { EXIT } from '../exit.ts';
import { formatBytes, print } from '../output.ts';
import type { SharedStoreOptions } from '../role-options.ts';
import { openDirectoryContents, openPlace, openSharedContents } from './places.ts';

/** `shoal registry gc`: artifacts, plans and structures that no version needs. */
export async function gc(options: SharedStoreOptions & { json: boolean; dryRun: boolean }): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const place = await openPlace(options, stack);
  const shared = place.kind === 'redis' ? await openSharedContents(options, stack) : undefined;
  const contents =
    shared ?? (place.kind === 'directory' ? await openDirectoryContents(place.data, stack) : undefined);
  if (contents === undefined) throw new Error('a place without contents');
  const deps = {
    registry: place.registry,
    ...(shared === undefined ? {} : { records: shared.records }),
    stores: contents.stores,
    now: Date.now,
  };
  const found = await findGarbage(deps);
  const gone = options.dryRun ? found : await deleteGarbage(deps, found);
  tell(gone, options);
  return EXIT.ok;
}

function tell(gone: readonly Garbage[], { json, dryRun }: { json: boolean; dryRun: boolean }): void {
  const bytes = gone.reduce((sum, each) => sum + each.bytes, 0);
  if (json) {
    print(JSON.stringify({ dryRun, bytes, garbage: gone }));
    return;
  }
  for (const { kind, digest, bytes } of gone) print(`${kind.padEnd(9)}  ${digest}  ${formatBytes(bytes)}`);
  print(`${gone.length} unreferenced (${formatBytes(bytes)}) ${dryRun ? 'found, none deleted' : 'deleted'}`);
}
