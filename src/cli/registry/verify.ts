import { verifyRegistry } from '../../manager/verify.ts';
import { Installation } from '../../stores/records/installation.ts';
import { EXIT } from '../exit.ts';
import { print, table } from '../output.ts';
import type { SharedStoreOptions } from '../role-options.ts';
import { openRedisPlace, openSharedContents } from './places.ts';

/** `shoal registry verify`: names every difference between Redis and the object store. */
export async function verify(options: SharedStoreOptions & { json: boolean }): Promise<number> {
  await using stack = new AsyncDisposableStack();
  const contents = await openSharedContents(options, stack);
  const { registry, redis } = openRedisPlace(options, stack);
  await new Installation(redis, contents.objects).check();
  const { records, findings } = await verifyRegistry({ registry, ...contents });
  if (options.json) {
    print(JSON.stringify({ records, findings }));
  } else {
    if (findings.length > 0) {
      const rows = findings.map(({ kind, name, message }) => [kind, name, message]);
      print(table(['difference', 'name', 'what'], rows));
    }
    print(`${records} tenants and models compared, ${findings.length} differences`);
  }
  return findings.length === 0 ? EXIT.ok : EXIT.refused;
}
