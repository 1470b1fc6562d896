import { randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, isDigest } from '../core/ids.ts';
import { digestOf } from '../stores/artifacts/digest.ts';
import type { ArtifactSource } from './artifact-source.ts';

interface CacheEvents {
  /** A file did not hold what its name says; it was deleted and is fetched again. */
  corrupt(digest: Digest): void;
  /** The file is there but couldn't be read (no descriptors left, say): it stays, and the store is asked. */
  readFailed(digest: Digest, error: unknown): void;
  /** The file couldn't be kept (a full disk, say): the artifact is served all the same. */
  writeFailed(digest: Digest, error: unknown): void;
}

/**
 * Files on the worker's own disk in front of the artifact store, named by digest and verified on every read.
 * Bounded in bytes, what is being written included: the least recently used go first, an order that survives a
 * restart as the files' mtimes.
 */
export class ArtifactCache implements ArtifactSource {
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #source: ArtifactSource;
  readonly #events: CacheEvents;
  /** Least recently used first. */
  readonly #files: Map<Digest, number>;
  /** The end of the last read or removal under way of a digest. */
  readonly #turns = new Map<Digest, Promise<void>>();
  /** The end of the last search for room. */
  #makingRoom: Promise<unknown> = Promise.resolve();
  /** Of the files, and of those being written. */
  #bytes = 0;

  private constructor(
    directory: string,
    maxBytes: number,
    source: ArtifactSource,
    events: CacheEvents,
    files: Map<Digest, number>,
  ) {
    this.#directory = directory;
    this.#maxBytes = maxBytes;
    this.#source = source;
    this.#events = events;
    this.#files = files;
    for (const bytes of files.values()) this.#bytes += bytes;
  }

  /** Takes over what an earlier run left; half-written files are removed. */
  static async open(
    directory: string,
    maxBytes: number,
    source: ArtifactSource,
    events: CacheEvents,
  ): Promise<ArtifactCache> {
    await mkdir(directory, { recursive: true });
    const found: { digest: Digest; bytes: number; usedMs: number }[] = [];
    for (const name of await readdir(directory)) {
      const digest = `sha256:${name}`;
      const file = path.join(directory, name);
      if (isDigest(digest)) {
        const { size, mtimeMs } = await stat(file);
        found.push({ digest, bytes: size, usedMs: mtimeMs });
      } else if (name.endsWith('.part')) await rm(file, { force: true });
    }
    found.sort((a, b) => a.usedMs - b.usedMs);
    const files = new Map(found.map(({ digest, bytes }) => [digest, bytes]));
    const cache = new ArtifactCache(directory, maxBytes, source, events, files);
    await cache.#makeRoom(0);
    return cache;
  }

  /** Whether its file is there, as far as is known. */
  has(digest: Digest): boolean {
    return this.#files.has(digest);
  }

  /** Every reader gets a buffer of its own. Those of one digest take turns: it is fetched once for all of them. */
  read(digest: Digest): Promise<Buffer | undefined> {
    return this.#inTurn(digest, async () => {
      const cached = await this.#readFile(digest);
      if (cached !== undefined) return cached;
      const bytes = await this.#source.read(digest);
      if (bytes !== undefined) await this.#keep(digest, bytes);
      return bytes;
    });
  }

  async #inTurn<T>(digest: Digest, action: () => Promise<T>): Promise<T> {
    const done = (this.#turns.get(digest) ?? Promise.resolve()).then(action);
    const turn = done.then(
      () => undefined,
      () => undefined,
    );
    this.#turns.set(digest, turn);
    try {
      return await done;
    } finally {
      if (this.#turns.get(digest) === turn) this.#turns.delete(digest);
    }
  }

  async #readFile(digest: Digest): Promise<Buffer | undefined> {
    if (!this.#files.has(digest)) return undefined;
    const file = this.#path(digest);
    let bytes: Buffer;
    try {
      bytes = await readFile(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') await this.#remove(digest);
      else this.#events.readFailed(digest, error);
      return undefined;
    }
    if ((await digestOf(bytes)) !== digest) {
      this.#events.corrupt(digest);
      await this.#remove(digest);
      return undefined;
    }
    this.#list(digest, bytes.byteLength);
    const now = new Date();
    // Only the order after a restart hangs on it.
    await utimes(file, now, now).catch((error: unknown) => this.#events.writeFailed(digest, error));
    return bytes;
  }

  async #keep(digest: Digest, bytes: Buffer): Promise<void> {
    // A file that couldn't be read is there, and counts, until it is replaced.
    const makingRoom = this.#makingRoom.then(() => this.#makeRoom(bytes.byteLength));
    this.#makingRoom = makingRoom;
    if (!(await makingRoom)) return;
    const part = path.join(this.#directory, `${randomUUID()}.part`);
    try {
      await writeFile(part, bytes);
      await rename(part, this.#path(digest));
      this.#list(digest, bytes.byteLength);
    } catch (error) {
      this.#events.writeFailed(digest, error);
      await rm(part, { force: true }).catch((cause: unknown) => this.#events.writeFailed(digest, cause));
    }
    this.#bytes -= bytes.byteLength;
  }

  /** Takes `bytes` of the bound for a file to be written; false when those in use leave no room for it. */
  async #makeRoom(bytes: number): Promise<boolean> {
    if (bytes > this.#maxBytes) return false;
    for (const digest of this.#files.keys()) {
      if (this.#bytes + bytes <= this.#maxBytes) break;
      // What is being read or written just now is no least recently used one.
      if (!this.#turns.has(digest)) await this.#inTurn(digest, () => this.#remove(digest));
    }
    if (this.#bytes + bytes > this.#maxBytes) return false;
    this.#bytes += bytes;
    return true;
  }

  /** In the digest's turn. */
  async #remove(digest: Digest): Promise<void> {
    try {
      await rm(this.#path(digest), { force: true });
    } catch (error) {
      this.#events.writeFailed(digest, error);
    }
    this.#unlist(digest);
  }

  /** As the one used last. */
  #list(digest: Digest, bytes: number): void {
    this.#unlist(digest);
    this.#files.set(digest, bytes);
    this.#bytes += bytes;
  }

  #unlist(digest: Digest): void {
    this.#bytes -= this.#files.get(digest) ?? 0;
    this.#files.delete(digest);
  }

  #path(digest: Digest): string {
    return path.join(this.#directory, digest.slice('sha256:'.length));
  }
}
