import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { test, type TestContext } from 'node:test';
import type { Digest } from '../../../src/core/ids.ts';
import { ArtifactCache } from '../../../src/worker/artifact-cache.ts';

const artifacts = Array.from({ length: 5 }, (_, index) => Buffer.alloc(100, index + 1));
const digests = artifacts.map(
  (bytes): Digest => `sha256:${createHash('sha256').update(bytes).digest('hex')}`,
);

async function scene(t: TestContext) {
  const directory = await mkdtemp(path.join(tmpdir(), 'shoal-cache-'));
  t.after(() => rm(directory, { recursive: true, force: true }));
  const fetched: number[] = [];
  const seen = { corrupt: 0, readFailed: 0, writeFailed: 0 };
  const source = {
    read(digest: Digest) {
      const index = digests.indexOf(digest);
      fetched.push(index);
      return Promise.resolve(artifacts[index]);
    },
  };
  const events = {
    corrupt: () => void seen.corrupt++,
    readFailed: () => void seen.readFailed++,
    writeFailed: () => void seen.writeFailed++,
  };
  const open = (maxBytes = 250) => ArtifactCache.open(directory, maxBytes, source, events);
  const fileOf = (index: number) => path.join(directory, (digests[index] as string).slice(7));
  return { directory, fetched, seen, open, fileOf };
}

test('each artifact is fetched once while there is room; the least recently used go', async (t) => {
  const { directory, fetched, open } = await scene(t);
  const cache = await open();
  const read = async (index: number) =>
    assert.deepEqual(await cache.read(digests[index] as Digest), artifacts[index]);
  for (const index of [0, 0, 1, 0, 2, 0, 1]) await read(index);
  assert.deepEqual(fetched, [0, 1, 2, 1]);
  assert.equal((await readdir(directory)).length, 2);
});

test('after a restart files are taken over in the order of their use, half-written ones removed', async (t) => {
  const { directory, fetched, open, fileOf } = await scene(t);
  const first = await open();
  await first.read(digests[0] as Digest);
  await first.read(digests[1] as Digest);
  await utimes(fileOf(1), 1, 1);
  await writeFile(path.join(directory, 'x.part'), 'half');
  const second = await open(150);
  assert.deepEqual(await readdir(directory), [path.basename(fileOf(0))]);
  await second.read(digests[0] as Digest);
  assert.deepEqual(fetched, [0, 1]);
});

test('a file that is not what its name says is fetched again, once', async (t) => {
  const { fetched, seen, open, fileOf } = await scene(t);
  const cache = await open();
  await cache.read(digests[0] as Digest);
  for (const damage of ['', 'short', Buffer.alloc(100, 9)]) {
    await writeFile(fileOf(0), damage);
    assert.deepEqual(await cache.read(digests[0] as Digest), artifacts[0]);
    assert.deepEqual(await cache.read(digests[0] as Digest), artifacts[0]);
  }
  assert.equal(seen.corrupt, 3);
  assert.deepEqual(fetched, [0, 0, 0, 0]);
});

test('a file that can not be read for another reason is not called corrupt', async (t) => {
  const { seen, open, fileOf } = await scene(t);
  const cache = await open();
  await cache.read(digests[0] as Digest);
  // Read as a file, a directory fails with EISDIR, whoever runs the test.
  await rm(fileOf(0));
  await mkdir(fileOf(0));
  assert.deepEqual(await cache.read(digests[0] as Digest), artifacts[0]);
  assert.deepEqual(seen, { corrupt: 0, readFailed: 1, writeFailed: 1 });
});

test('what is absent, deleted, too large or cannot be written is served all the same', async (t) => {
  const { directory, fetched, seen, open, fileOf } = await scene(t);
  const cache = await open();
  assert.equal(await cache.read(`sha256:${'0'.repeat(64)}`), undefined);
  await cache.read(digests[0] as Digest);
  await rm(fileOf(0));
  assert.deepEqual(await cache.read(digests[0] as Digest), artifacts[0]);
  const tiny = await open(10);
  assert.deepEqual(await tiny.read(digests[1] as Digest), artifacts[1]);
  assert.deepEqual(await readdir(directory), []);
  await rm(directory, { recursive: true });
  assert.deepEqual(await cache.read(digests[2] as Digest), artifacts[2]);
  assert.equal(seen.writeFailed, 1);
  assert.equal(seen.corrupt, 0);
  assert.deepEqual(fetched, [-1, 0, 0, 1, 2]);
});
