import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { Digest } from '../../src/core/ids.ts';
import type { ArtifactStore, StoredArtifact } from '../../src/stores/artifacts/artifacts.ts';

export interface ArtifactsUnderTest {
  readonly store: ArtifactStore;
  /** A second client of the same store, as another process would have. */
  readonly again: () => Promise<ArtifactStore>;
  readonly close: () => Promise<void>;
}

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

export async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts);
}

/** What every implementation of ArtifactStore must do. */
export function artifactsContract(name: string, make: () => Promise<ArtifactsUnderTest>): void {
  const maxBytes = 1024 * 1024;

  async function withStore(test: (made: ArtifactsUnderTest) => Promise<void>): Promise<void> {
    const made = await make();
    try {
      await test(made);
    } finally {
      await made.close();
    }
  }

  describe(`artifact store: ${name}`, () => {
    it('gives back what was put, whole and in chunks, to every client', () =>
      withStore(async ({ store, again }) => {
        const bytes = randomBytes(700_000);
        const stored = await store.put(Readable.from([bytes.subarray(0, 10), bytes.subarray(10)]), {
          maxBytes,
        });
        assert.deepEqual(stored, { digest: digestOf(bytes), bytes: bytes.length });
        for (const client of [store, await again()]) {
          assert.deepEqual(await client.stat(stored.digest), stored);
          assert.ok((await client.read(stored.digest))?.equals(bytes));
          const chunks = await client.stream(stored.digest);
          assert.ok(chunks !== undefined && (await collect(chunks)).equals(bytes));
        }
      }));

    it('takes any bytes, the empty file included', () =>
      withStore(async ({ store }) => {
        await fc.assert(
          fc.asyncProperty(fc.uint8Array({ maxLength: 2_000 }), async (bytes) => {
            const stored = await store.putBytes(bytes);
            assert.deepEqual(stored, { digest: digestOf(bytes), bytes: bytes.length });
            assert.deepEqual(new Uint8Array((await store.read(stored.digest)) ?? []), bytes);
          }),
          { numRuns: 30 },
        );
      }));

    it('answers undefined for what is not there', () =>
      withStore(async ({ store }) => {
        const absent = digestOf(randomBytes(8));
        assert.equal(await store.stat(absent), undefined);
        assert.equal(await store.read(absent), undefined);
        assert.equal(await store.stream(absent), undefined);
      }));

    it('stores equal bytes once, however many put them at the same time', () =>
      withStore(async ({ store, again }) => {
        const bytes = randomBytes(50_000);
        const other = await again();
        const puts = Array.from({ length: 24 }, (_, index) => {
          const client = index % 2 === 0 ? store : other;
          return index % 3 === 0 ? client.putBytes(bytes) : client.put(Readable.from([bytes]), { maxBytes });
        });
        for (const stored of await Promise.all(puts)) assert.equal(stored.digest, digestOf(bytes));
        assert.ok((await store.read(digestOf(bytes)))?.equals(bytes));
      }));

    it('refuses more than maxBytes, a false digest and a broken source, and keeps nothing of them', () =>
      withStore(async ({ store }) => {
        const bytes = randomBytes(4_000);
        const digest = digestOf(bytes);
        await assert.rejects(store.put(Readable.from([bytes]), { maxBytes: 3_999 }), { code: 'TOO_LARGE' });
        const wrong = digestOf(randomBytes(4));
        await assert.rejects(store.put(Readable.from([bytes]), { maxBytes, digest: wrong }), {
          code: 'INVALID_REQUEST',
        });
        async function* breaks(): AsyncGenerator<Uint8Array> {
          yield bytes;
          throw new Error('the client went away');
        }
        await assert.rejects(store.put(breaks(), { maxBytes }), /the client went away/);
        assert.equal(await store.stat(digest), undefined);
        assert.equal(await store.stat(wrong), undefined);
        await store.put(Readable.from([bytes]), { maxBytes: 4_000, digest });
        assert.deepEqual(await store.stat(digest), { digest, bytes: 4_000 });
      }));

    it('keeps nothing of what was received and not stored', () =>
      withStore(async ({ store }) => {
        const bytes = randomBytes(300_000);
        const digest = digestOf(bytes);
        const [refused, taken] = await Promise.all(
          [1, 2].map(() => store.receive(Readable.from([bytes]), { maxBytes })),
        );
        for (const received of [refused, taken]) {
          assert.deepEqual(
            { digest, bytes: bytes.length },
            { digest: received?.digest, bytes: received?.bytes },
          );
          assert.ok((await received?.read())?.equals(bytes));
        }
        await refused?.discard();
        assert.equal(await store.holds(digest), false);
        await taken?.store();
        await taken?.store();
        assert.ok((await taken?.read())?.equals(bytes));
        await taken?.discard();
        assert.equal(await store.holds(digest), true);
      }));

    it('lists what is there, and deletes only what has been unused for long enough', () =>
      withStore(async ({ store, again }) => {
        const begunMs = Date.now();
        const stored = await Promise.all([3, 4, 5].map((size) => store.putBytes(randomBytes(size))));
        const listed = async () => {
          const all: StoredArtifact[] = [];
          for await (const { digest, bytes, usedMs } of (await again()).list()) {
            assert.ok(usedMs > begunMs - 60_000);
            all.push({ digest, bytes });
          }
          return all.sort((a, b) => a.bytes - b.bytes);
        };
        assert.deepEqual(await listed(), stored);
        const [first, second, third] = stored.map(({ digest }) => digest) as [Digest, Digest, Digest];
        assert.equal(await store.delete(first, 60_000), false);
        assert.equal(await store.delete(second, 0), true);
        assert.equal(await store.delete(second, 0), false);
        assert.deepEqual(
          (await listed()).map(({ digest }) => digest),
          [first, third],
        );
      }));

    it('a put ends with the artifact there, whatever is deleted meanwhile', () =>
      withStore(async ({ store }) => {
        const bytes = randomBytes(2_000);
        const { digest } = await store.putBytes(bytes);
        for (let round = 0; round < 50; round++) {
          const deleting = store.delete(digest, 60_000);
          await Promise.all([store.putBytes(bytes), store.holds(digest)]);
          assert.equal(await deleting, false);
        }
        await Promise.all([store.delete(digest, 0), store.putBytes(bytes)]);
        assert.equal(await store.holds(digest), true);
      }));

    it('refuses a digest that is none', () =>
      withStore(async ({ store }) => {
        await assert.rejects(store.read('sha256:../../etc/passwd'), { code: 'INVALID_NAME' });
      }));
  });
}
