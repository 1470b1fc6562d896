import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdir, mkdtemp, readdir, rm, truncate, utimes, writeFile } from 'node:fs/promises';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { it } from 'node:test';
import type { Digest } from '../../src/core/ids.ts';
import { openDirectoryArtifacts } from '../../src/stores/artifacts/directory.ts';
import { type ArtifactsUnderTest, artifactsContract, digestOf } from './artifacts.ts';

async function make(): Promise<ArtifactsUnderTest & { path: string; fileOf: (digest: Digest) => string }> {
  const path = await mkdtemp(join(tmpdir(), 'shoal-artifacts-'));
  return {
    path,
    store: await openDirectoryArtifacts(path),
    again: () => openDirectoryArtifacts(path),
    close: () => rm(path, { recursive: true }),
    fileOf: (digest) => join(path, digest.slice(7, 9), digest.slice(7)),
  };
}

artifactsContract('directory', make);

it('a corrupt file is named by read and mended by storing the bytes again', async () => {
  const { store, fileOf, close } = await make();
  const bytes = randomBytes(1_000);
  const { digest } = await store.putBytes(bytes);
  const damages = [
    () => truncate(fileOf(digest), 400),
    () => writeFile(fileOf(digest), randomBytes(1_000)),
    () => writeFile(fileOf(digest), ''),
  ];
  for (const damage of damages) {
    await damage();
    assert.equal(await store.holds(digest), false);
    await assert.rejects(store.read(digest), { code: 'STORE_UNAVAILABLE', message: new RegExp(digest) });
    await store.put(Readable.from([bytes]), { maxBytes: 2_000 });
    assert.ok((await store.read(digest))?.equals(bytes));
    await damage();
    await store.putBytes(bytes);
    assert.ok((await store.read(digest))?.equals(bytes));
  }
  await close();
});

it('a use makes an old file young, so that it is not taken for unused', async () => {
  const { store, fileOf, close } = await make();
  const bytes = randomBytes(100);
  const { digest } = await store.putBytes(bytes);
  const uses = [
    () => store.holds(digest),
    () => store.putBytes(bytes),
    () => store.put(Readable.from([bytes]), { maxBytes: 100 }),
  ];
  for (const use of uses) {
    await utimes(fileOf(digest), 1, 1);
    await use();
    assert.equal(await store.delete(digest, 60_000), false);
  }
  await utimes(fileOf(digest), 1, 1);
  assert.equal(await store.delete(digest, 60_000), true);
  await close();
});

it('a download that is never read leaves no file open', async () => {
  const { store, close } = await make();
  const { digest } = await store.putBytes(randomBytes(100));
  const openFiles = async () => (await readdir('/proc/self/fd')).length;
  const before = await openFiles();
  for (let index = 0; index < 20; index++) {
    const chunks = (await store.stream(digest)) as AsyncGenerator<Uint8Array>;
    await chunks.return(undefined);
  }
  assert.ok((await openFiles()) < before + 10);
  await close();
});

it('opening removes what dead writers left and spares files being written', async () => {
  const { store, path, again, close } = await make();
  const staging = join(path, 'staging');
  const host = hostname().replaceAll(/[^A-Za-z0-9-]/g, '-');
  await writeFile(join(staging, `${host}.${spawnSync(process.execPath, ['-v']).pid}.dead`), 'left');
  await writeFile(join(staging, `${host}.${process.pid}.earlier-process-of-this-pid`), 'left');
  await writeFile(join(staging, 'elsewhere.1.old'), 'left');
  await utimes(join(staging, 'elsewhere.1.old'), 1, 1);
  await writeFile(join(staging, 'elsewhere.1.fresh'), 'written now');

  const source = new Readable({ read: () => undefined });
  const bytes = randomBytes(10_000);
  const put = store.put(source, { maxBytes: 20_000 });
  source.push(bytes);
  while ((await readdir(staging)).length < 5) await new Promise(setImmediate);
  await again();
  const left = await readdir(staging);
  assert.equal(left.length, 2);
  assert.ok(left.includes('elsewhere.1.fresh'));
  source.push(null);
  assert.equal((await put).digest, digestOf(bytes));
  assert.deepEqual(await readdir(staging), ['elsewhere.1.fresh']);
  await close();
});

it('a directory that can not be written to is STORE_UNAVAILABLE, without paths of the machine', async () => {
  const { store, path, close } = await make();
  await rm(join(path, 'staging'), { recursive: true });
  await writeFile(join(path, 'staging'), 'a file in the way');
  const failure = { code: 'STORE_UNAVAILABLE', message: /^artifact store: .* failed: .*\(ENOTDIR\)$/ };
  await assert.rejects(store.putBytes(randomBytes(3)), failure);
  await assert.rejects(store.put(Readable.from([randomBytes(3)]), { maxBytes: 10 }), failure);
  await rm(join(path, 'staging'));
  await mkdir(join(path, 'staging'));
  await store.putBytes(randomBytes(3));
  await close();
});
