import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ShoalError } from '../../core/errors.ts';
import { checkDigest, type Digest } from '../../core/ids.ts';
import { errnoCode, storeUnavailable } from '../store-error.ts';
import type { ArtifactStore, StoredArtifact } from './artifacts.ts';
import { DirectorySync } from './directory-sync.ts';
import { Staging, type StagingFile } from './staging.ts';

const STORE = 'artifact store';

/**
 * Artifacts as files `ab/<64 hex>` under `path`, each written to `staging/`, synced and renamed into place, so
 * that a name never shows part of a file. Several processes may share the directory. One level of 256 is
 * enough for millions, and its directories soon exist and are synced for many files at once; a second level
 * was measured to cost three more syncs for each of the first 65,536 files.
 */
export async function openDirectoryArtifacts(path: string): Promise<ArtifactStore> {
  try {
    const staging = await Staging.open(join(path, 'staging'));
    return new DirectoryArtifacts(path, staging);
  } catch (error) {
    throw storeUnavailable(STORE, 'opening the directory', error);
  }
}

class DirectoryArtifacts implements ArtifactStore {
  readonly #root: string;
  readonly #staging: Staging;
  readonly #sync = new DirectorySync();
  /** Of the 256 directories those that are there, durably. */
  readonly #durable = new Set<string>();
  /** Puts of one digest under way in this process run one after the other. */
  readonly #placing = new Map<Digest, Promise<void>>();

  constructor(root: string, staging: Staging) {
    this.#root = root;
    this.#staging = staging;
  }

  async put(
    source: AsyncIterable<Uint8Array>,
    options: { maxBytes: number; digest?: Digest },
  ): Promise<StoredArtifact> {
    const file = await this.#attempt('creating a file', () => this.#staging.create());
    try {
      const hash = createHash('sha256');
      let bytes = 0;
      for await (const chunk of source) {
        bytes += chunk.byteLength;
        if (bytes > options.maxBytes) {
          throw new ShoalError('TOO_LARGE', `artifact is larger than the limit of ${options.maxBytes} bytes`);
        }
        hash.update(chunk);
        await this.#attempt('writing an artifact', () => file.write(chunk));
      }
      const digest: Digest = `sha256:${hash.digest('hex')}`;
      if (options.digest !== undefined && options.digest !== digest) {
        throw new ShoalError(
          'INVALID_REQUEST',
          `artifact has digest ${digest}, expected ${options.digest} as the request says`,
        );
      }
      await this.#attempt('storing an artifact', () =>
        this.#once(digest, async () => {
          if (await this.#holds(digest, bytes)) return;
          await file.sync();
          await this.#place(file, digest);
        }),
      );
      return { digest, bytes };
    } finally {
      await this.#attempt('removing a staging file', () => file.discard());
    }
  }

  async putBytes(bytes: Uint8Array): Promise<StoredArtifact> {
    const digest: Digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
    await this.#attempt('storing an artifact', () =>
      this.#once(digest, async () => {
        if (await this.#holds(digest, bytes.byteLength)) return;
        const file = await this.#staging.create();
        try {
          await file.write(bytes);
          await file.sync();
          await this.#place(file, digest);
        } finally {
          await file.discard();
        }
      }),
    );
    return { digest, bytes: bytes.byteLength };
  }

  async stat(digest: Digest): Promise<StoredArtifact | undefined> {
    return this.#ifThere('looking for an artifact', async () => {
      const found = await stat(this.#pathOf(digest));
      return { digest, bytes: found.size };
    });
  }

  async read(digest: Digest): Promise<Buffer | undefined> {
    const bytes = await this.#ifThere('reading an artifact', () => readFile(this.#pathOf(digest)));
    if (bytes === undefined) return undefined;
    const found = createHash('sha256').update(bytes).digest('hex');
    if (`sha256:${found}` === digest) return bytes;
    throw new ShoalError(
      'STORE_UNAVAILABLE',
      `${STORE}: artifact ${digest} is corrupt (${bytes.length} bytes with digest sha256:${found}); store it again to repair it`,
    );
  }

  async stream(digest: Digest): Promise<AsyncIterable<Uint8Array> | undefined> {
    const file = await this.#ifThere('opening an artifact', () => open(this.#pathOf(digest), 'r'));
    return file === undefined ? undefined : readChunks(file.createReadStream({ highWaterMark: 256 * 1024 }));
  }

  /**
   * Whether the file is there with its right content, durably. The content is compared too, so that sending
   * an artifact again mends a corrupt file; it costs one read of what has just been received.
   */
  async #holds(digest: Digest, bytes: number): Promise<boolean> {
    const path = this.#pathOf(digest);
    try {
      if ((await stat(path)).size !== bytes) return false;
      const hash = createHash('sha256');
      for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
      if (`sha256:${hash.digest('hex')}` !== digest) return false;
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') return false;
      throw error;
    }
    // Another process may have renamed it into place a moment ago, and not synced the directory yet.
    await this.#syncNames(path);
    return true;
  }

  async #place(file: StagingFile, digest: Digest): Promise<void> {
    const path = this.#pathOf(digest);
    if (!this.#durable.has(dirname(path))) await mkdir(dirname(path), { recursive: true });
    await file.rename(path);
    await this.#syncNames(path);
  }

  /** Makes the file's name durable, and that of its directory. */
  async #syncNames(path: string): Promise<void> {
    const directory = dirname(path);
    const isNew = !this.#durable.has(directory);
    await Promise.all([this.#sync.sync(directory), isNew ? this.#sync.sync(this.#root) : undefined]);
    this.#durable.add(directory);
  }

  /** Runs `place` when no other put of the digest is under way; one that follows finds the file there. */
  async #once(digest: Digest, place: () => Promise<void>): Promise<void> {
    for (let other = this.#placing.get(digest); other; other = this.#placing.get(digest)) await other;
    const placed = place();
    const settled = placed.then(
      () => undefined,
      () => undefined,
    );
    this.#placing.set(digest, settled);
    try {
      await placed;
    } finally {
      this.#placing.delete(digest);
    }
  }

  #pathOf(digest: Digest): string {
    const hex = checkDigest(digest).slice('sha256:'.length);
    return join(this.#root, hex.slice(0, 2), hex);
  }

  async #attempt<T>(doing: string, action: () => Promise<T>): Promise<T> {
    try {
      return await action();
    } catch (error) {
      throw storeUnavailable(STORE, doing, error);
    }
  }

  async #ifThere<T>(doing: string, action: () => Promise<T>): Promise<T | undefined> {
    try {
      return await action();
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') return undefined;
      throw storeUnavailable(STORE, doing, error);
    }
  }
}

async function* readChunks(stream: AsyncIterable<unknown>): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (error) {
    throw storeUnavailable(STORE, 'reading an artifact', error);
  }
}
