import { createHash } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import type { Digest } from '../../src/core/ids.ts';
import { ArtifactCache } from '../../src/worker/artifact-cache.ts';

/** Reads artifacts of 10 and of 100 KB through a cache in the directory it is given, twice; prints how that went. */
const directory = process.argv[2] as string;
const artifacts = new Map<Digest, Buffer>();
for (let number = 0; number < 10; number++) {
  const bytes = Buffer.alloc(number % 2 === 0 ? 100_000 : 10_000, number);
  artifacts.set(`sha256:${createHash('sha256').update(bytes).digest('hex')}`, bytes);
}
const counts = { right: 0, fetched: 0, corrupt: 0, readFailed: 0 };
const writeErrors: (string | undefined)[] = [];
const source = {
  read(digest: Digest) {
    counts.fetched++;
    return Promise.resolve(artifacts.get(digest));
  },
};
const cache = await ArtifactCache.open(directory, 1024 * 1024, source, {
  corrupt: () => counts.corrupt++,
  readFailed: () => counts.readFailed++,
  writeFailed: (_digest, error) => writeErrors.push((error as NodeJS.ErrnoException).code),
});
for (const _ of [1, 2]) {
  for (const [digest, bytes] of artifacts)
    if ((await cache.read(digest))?.equals(bytes) === true) counts.right++;
}
const files = (await readdir(directory)).length;
process.stdout.write(JSON.stringify({ ...counts, files, writeErrors }));
