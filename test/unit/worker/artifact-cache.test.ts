import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, stat, truncate, utimes, writeFile } from 'node:fs/promises';
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
      const bytes = artifacts[index];
      return Promise.resolve(bytes && Buffer.from(Uint8Array.from(bytes).buffer));
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

test('two who read one digest at once fetch it once, and each has a buffer of its own', async (t) => {
  const { fetched, open } = await scene(t);
  const cache = await open();
  for (const _ of ['from the store', 'from the file']) {
    const [one, two] = await Promise.all([
      cache.read(digests[0] as Digest),
      cache.read(digests[0] as Digest),
    ]);
    assert.notEqual(one?.buffer, two?.buffer);
    // As the transfer to a lane does it.
    structuredClone(one?.buffer, { transfer: [one?.buffer as ArrayBuffer] });
    assert.deepEqual(two, artifacts[0]);
  }
  assert.deepEqual(fetched, [0]);
});

test('a file that a crash cut short is found out after the restart', async (t) => {
  const { fetched, seen, open, fileOf } = await scene(t);
  const first = await open();
  await first.read(digests[0] as Digest);
  await truncate(fileOf(0), 37);
  const second = await open();
  assert.deepEqual(await second.read(digests[0] as Digest), artifacts[0]);
  assert.deepEqual(await second.read(digests[0] as Digest), artifacts[0]);
  assert.equal(seen.corrupt, 1);
  assert.deepEqual(fetched, [0, 0]);
});

test('whoever reads while others are evicted reads right, and the bound holds all the time', async (t) => {
  const { directory, seen, open } = await scene(t);
  const cache = await open(250);
  const state = { reading: true };
  let mostBytes = 0;
  const watching = (async () => {
    while (state.reading) {
      const sizes = await Promise.all(
        (await readdir(directory)).map((name) =>
          stat(path.join(directory, name)).then(
            ({ size }) => size,
            () => 0,
          ),
        ),
      );
      mostBytes = Math.max(
        mostBytes,
        sizes.reduce((sum, size) => sum + size, 0),
      );
    }
  })();
  for (let round = 0; round < 60; round++) {
    await Promise.all(
      Array.from({ length: 8 }, async (_, reader) => {
        const index = (round * 3 + reader * reader) % artifacts.length;
        assert.deepEqual(await cache.read(digests[index] as Digest), artifacts[index]);
      }),
    );
  }
  state.reading = false;
  await watching;
  assert.ok(mostBytes > 100 && mostBytes <= 250, `${mostBytes} bytes in the directory`);
  assert.deepEqual(seen, { corrupt: 0, readFailed: 0, writeFailed: 0 });
  // What it takes to be there is there.
  const left = await readdir(directory);
  const again = await open(250);
  assert.deepEqual(await readdir(directory), left);
  assert.ok(left.length > 0);
  for (const name of left) assert.equal((await again.read(`sha256:${name}`))?.length, 100);
});
