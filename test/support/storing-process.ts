import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { Readable } from 'node:stream';
import { openDirectoryArtifacts } from '../../src/stores/artifacts/directory.ts';

/** Stores artifacts without end in `argv[2]` and prints, for each try, what came of it and what staging holds. */
const directory = process.argv[2] as string;
const store = await openDirectoryArtifacts(directory);
for (;;) {
  const bytes = randomBytes(100_000);
  const tries = [store.putBytes(bytes), store.put(Readable.from([bytes]), { maxBytes: bytes.length })];
  for (const result of await Promise.allSettled(tries)) {
    const what =
      result.status === 'fulfilled'
        ? result.value.digest
        : `!${String((result.reason as { code?: string }).code)} ${(result.reason as Error).message}`;
    const staged = (await readdir(path.join(directory, 'staging'))).length;
    await new Promise((resolve) => process.stdout.write(`${staged} ${what}\n`, resolve));
  }
}
