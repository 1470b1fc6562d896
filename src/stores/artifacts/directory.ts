import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, readFile, rm, stat, utimes } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { ShoalError } from '../../core/errors.ts';
import { checkDigest, type Digest, isDigest } from '../../core/ids.ts';
import { errnoCode, storeUnavailable } from '../store-error.ts';
import type { ArtifactStore, ListedArtifact, ReceivedArtifact, StoredArtifact } from './artifacts.ts';
import { digestOf } from './digest.ts';
import { DirectorySync } from './directory-sync.ts';
import { SoundFiles } from './sound-files.ts';
import { Staging, type StagingFile } from './staging.ts';

const STORE = 'artifact store';
const CHUNK_BYTES = 256 * 1024;
/** A use is written down as the file's mtime when the one before is older than this. */
const TOUCH_MS = 10 * 60 * 1000;

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
  readonly #sound = new SoundFiles();
  /** Of the 256 directories those that are there, durably. */
  readonly #durable = new Set<string>();
  /** Puts and deletes of one digest under way in this process run one after the other. */
  readonly #placing = new Map<Digest, Promise<void>>();

  constructor(root: string, staging: Staging) {
    this.#root = root;
    this.#staging = staging;
  }

  async put(
    source: AsyncIterable<Uint8Array>,
    options: { maxBytes: number; digest?: Digest },
  ): Promise<StoredArtifact> {
    const received = await this.receive(source, options);
    try {
      await received.store();
      return { digest: received.digest, bytes: received.bytes };
    } finally {
      await received.discard();
    }
  }

  async receive(
    source: AsyncIterable<Uint8Array>,
    options: { maxBytes: number; digest?: Digest },
  ): Promise<ReceivedArtifact> {
    const file = await this.#attempt('creating a file', () => this.#staging.create());
    const discard = () => this.#attempt('removing a staging file', () => file.discard());
    try {
      const { digest, bytes } = await this.#write(source, file, options);
      return {
        digest,
        bytes,
        read: () => this.#attempt('reading a staging file', () => file.read(bytes)),
        store: () => this.#attempt('storing an artifact', () => this.#store(file, digest)),
        discard,
      };
    } catch (error) {
      await discard();
      throw error;
    }
  }

  async #write(
    source: AsyncIterable<Uint8Array>,
    file: StagingFile,
    options: { maxBytes: number; digest?: Digest },
  ): Promise<StoredArtifact> {
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
    if (options.digest === undefined || options.digest === digest) return { digest, bytes };
    throw new ShoalError(
      'INVALID_REQUEST',
      `artifact has digest ${digest}, expected ${options.digest} as the request says`,
    );
  }

  async #store(file: StagingFile, digest: Digest): Promise<void> {
    await this.#once(digest, async () => {
      if (await this.#mayStay(digest)) return;
      await file.sync();
      await this.#place(file, digest);
    });
  }

  async putBytes(bytes: Uint8Array): Promise<StoredArtifact> {
    const digest = await digestOf(bytes);
    await this.#attempt('storing an artifact', () =>
      this.#once(digest, async () => {
        if (await this.#mayStay(digest)) return;
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
    const found = await digestOf(bytes);
    if (found === digest) return bytes;
    throw new ShoalError(
      'STORE_UNAVAILABLE',
      `${STORE}: artifact ${digest} is corrupt (${bytes.length} bytes with digest ${found}); pushing its version again repairs it`,
    );
  }

  async stream(digest: Digest): Promise<AsyncIterable<Uint8Array> | undefined> {
    const path = this.#pathOf(digest);
    const found = await this.#ifThere('looking for an artifact', () => stat(path));
    // Opened by whoever reads the first chunk: a caller that goes away before leaves no file open.
    return found === undefined ? undefined : readChunks(path);
  }

  async holds(digest: Digest): Promise<boolean> {
    return this.#attempt('checking an artifact', async () => {
      const usedMs = await this.#sound.usedMs(digest, this.#pathOf(digest));
      if (usedMs === undefined) return false;
      return Date.now() - usedMs < TOUCH_MS || this.#once(digest, () => this.#touch(digest));
    });
  }

  async *list(): AsyncGenerator<ListedArtifact> {
    for (const directory of await this.#attempt('listing artifacts', () => readdir(this.#root))) {
      if (!/^[0-9a-f]{2}$/.test(directory)) continue;
      const path = join(this.#root, directory);
      for (const name of await this.#attempt('listing artifacts', () => readdir(path))) {
        const digest = `sha256:${name}`;
        if (!isDigest(digest)) continue;
        const found = await this.#ifThere('looking for an artifact', () => stat(join(path, name)));
        if (found !== undefined) yield { digest, bytes: found.size, usedMs: found.mtimeMs };
      }
    }
  }

  async delete(digest: Digest, unusedMs: number): Promise<boolean> {
    const deleted = await this.#ifThere('deleting an artifact', () =>
      this.#once(digest, async () => {
        const path = this.#pathOf(digest);
        if (Date.now() - Math.floor((await stat(path)).mtimeMs) < unusedMs) return false;
        await rm(path);
        return true;
      }),
    );
    return deleted === true;
  }

  /**
   * Whether the file is there with its right content, durably. The content is compared too, so that sending
   * an artifact again mends a corrupt file; it costs one read of what has just been received.
   */
  async #mayStay(digest: Digest): Promise<boolean> {
    if (
      (await this.#sound.usedMs(digest, this.#pathOf(digest))) === undefined ||
      !(await this.#touch(digest))
    )
      return false;
    // Another process may have renamed it into place a moment ago, and not synced the directory yet.
    await this.#syncNames(this.#pathOf(digest));
    return true;
  }

  /** Its age begins anew; false when it is gone. */
  async #touch(digest: Digest): Promise<boolean> {
    const now = new Date();
    try {
      await utimes(this.#pathOf(digest), now, now);
      return true;
    } catch (error) {
      if (errnoCode(error) === 'ENOENT') return false;
      throw error;
    }
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

  /** Runs `action` when no other put or delete of the digest is under way; a put that follows finds the file there. */
  async #once<T>(digest: Digest, action: () => Promise<T>): Promise<T> {
    for (let other = this.#placing.get(digest); other; other = this.#placing.get(digest)) await other;
    const placed = action();
    const settled = placed.then(
      () => undefined,
      () => undefined,
    );
    this.#placing.set(digest, settled);
    try {
      return await placed;
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

async function* readChunks(path: string): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: CHUNK_BYTES }))
      yield chunk as Uint8Array;
  } catch (error) {
    throw storeUnavailable(STORE, 'reading an artifact', error);
  }
}
