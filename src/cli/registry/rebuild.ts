import { setTimeout as sleep } from 'node:timers/promises';
import { DEFAULT_LIMITS } from '../../core/limits.ts';
import { healRegistry } from '../../manager/heal.ts';
import { EXIT } from '../exit.ts';
import { print } from '../output.ts';
import type { SharedStoreOptions } from '../role-options.ts';
import { openRedisPlace, openSharedContents, takeLead } from './places.ts';

/** `shoal registry rebuild`: a Redis that is empty, or has lost changes, gets all from the object store. */
export async function rebuild(options: SharedStoreOptions & { json: boolean }): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const shared = await openSharedContents(options, stack);
  const { records } = shared;
  const place = openRedisPlace(options, stack);
  await takeLead(
    place,
    shared,
    'it compares the registry with the object store by itself and restores what is missing, so nothing is to be rebuilt; shoal registry verify tells whether both agree',
  );
  const healed = await healRegistry({
    registry: place.registry,
    records,
    logger: place.logger,
    // Whoever led the Redis that went back.
    othersEnded: () => sleep(DEFAULT_LIMITS.leaderLeaseMs),
    signal: new AbortController().signal,
  });
  const { position, restored, written, corrupt } = healed;
  if (options.json) {
    print(JSON.stringify({ ...position, restored, written, corrupt }));
  } else {
    for (const each of corrupt) print(`corrupt  ${each}`);
    print(
      `restored ${restored} from the object store, wrote ${written} records that it lacked; the registry is at revision ${position.revision}`,
    );
  }
  return corrupt.length === 0 ? EXIT.ok : EXIT.refused;
}
