import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { after, before, it } from 'node:test';
import { openS3Artifacts } from '../../src/stores/artifacts/s3.ts';
import { freshObjects } from '../support/s3-objects.ts';
import { S3Server } from '../support/s3-server.ts';
import { artifactsContract } from './artifacts.ts';

const limits = { s3SpoolBytes: 64 * 1024 };
let server: S3Server;

before(async () => {
  server = await S3Server.start();
});

after(() => server.close());

async function make() {
  const { objects, prefix, close } = freshObjects(server);
  const open = () => openS3Artifacts(objects, limits);
  return {
    store: await open(),
    again: open,
    objects,
    prefix,
    close: () => Promise.resolve(close()),
  };
}

artifactsContract('S3', make);

const keyOf = (prefix: string, digest: string): string => `${prefix}/artifacts/${digest.slice(7)}`;

it('a corrupt object is named by read and mended by storing the bytes again', async () => {
  const { store, again, prefix, close } = await make();
  for (const size of [1_000, 100_000]) {
    const bytes = randomBytes(size);
    const { digest } = await store.putBytes(bytes);
    const stores = [
      () => store.putBytes(bytes),
      async () => store.put(Readable.from([bytes]), { maxBytes: size }),
    ];
    for (const storeAgain of stores) {
      await server.corrupt(keyOf(prefix, digest));
      assert.equal(await (await again()).holds(digest), false);
      await assert.rejects(store.read(digest), {
        code: 'STORE_UNAVAILABLE',
        message: new RegExp(`${digest} is corrupt .*; pushing its version again repairs it`),
      });
      await storeAgain();
      assert.ok((await store.read(digest))?.equals(bytes));
    }
  }
  await close();
});

it('a use makes an old object young, so that it is not taken for unused', async () => {
  const { store, prefix, close } = await make();
  for (const size of [100, 100_000]) {
    const bytes = randomBytes(size);
    const { digest } = await store.putBytes(bytes);
    const uses = [
      () => store.holds(digest),
      () => store.putBytes(bytes),
      () => store.put(Readable.from([bytes]), { maxBytes: size }),
    ];
    for (const use of uses) {
      server.age(keyOf(prefix, digest), 3_600_000);
      await use();
      assert.equal(await store.delete(digest, 600_000), false);
    }
    server.age(keyOf(prefix, digest), 3_600_000);
    assert.equal(await store.delete(digest, 600_000), true);
  }
  await close();
});

it('leaves no temporary file of what was stored, refused or given up', async () => {
  const { store, close } = await make();
  const ours = async () =>
    (await readdir(join(tmpdir(), 'shoal-artifacts'))).filter((name) => name.includes(`.${process.pid}.`));
  const bytes = randomBytes(200_000);
  await store.put(Readable.from([bytes]), { maxBytes: 300_000 });
  await assert.rejects(store.put(Readable.from([bytes, bytes]), { maxBytes: 300_000 }), {
    code: 'TOO_LARGE',
  });
  const received = await store.receive(Readable.from([bytes]), { maxBytes: 300_000 });
  assert.equal((await ours()).length, 1);
  await received.discard();
  assert.deepEqual(await ours(), []);
  await close();
});
