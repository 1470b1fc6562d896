import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { type Digest, isDigest } from '../core/ids.ts';
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
 * Bounded in bytes: the least recently used go first, an order that survives a restart as the files' mtimes.
 */
export class ArtifactCache implements ArtifactSource {
  readonly #directory: string;
  readonly #maxBytes: number;
  readonly #source: ArtifactSource;
  readonly #events: CacheEvents;
  /** Least recently used first. */
  readonly #files: Map<Digest, number>;
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
    await cache.#shrink();
    return cache;
  }

  async read(digest: Digest): Promise<Buffer | undefined> {
    const cached = await this.#readFile(digest);
    if (cached !== undefined) return cached;
    const bytes = await this.#source.read(digest);
    if (bytes !== undefined && bytes.byteLength <= this.#maxBytes) await this.#keep(digest, bytes);
    return bytes;
  }

  async #readFile(digest: Digest): Promise<Buffer | undefined> {
    if (!this.#files.has(digest)) return undefined;
    const file = this.#path(digest);
    let bytes: Buffer;
    try {
      bytes = await readFile(file);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') await this.#drop(digest);
      else this.#events.readFailed(digest, error);
      return undefined;
    }
    if (createHash('sha256').update(bytes).digest('hex') !== digest.slice('sha256:'.length)) {
      this.#events.corrupt(digest);
      await this.#drop(digest);
      return undefined;
    }
    this.#touch(digest, bytes.byteLength);
    const now = new Date();
    // Only the order after a restart hangs on it, and another read may be dropping the file just now.
    await utimes(file, now, now).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') this.#events.writeFailed(digest, error);
    });
    return bytes;
  }

  async #keep(digest: Digest, bytes: Buffer): Promise<void> {
    const part = path.join(this.#directory, `${randomUUID()}.part`);
    try {
      await writeFile(part, bytes);
      await rename(part, this.#path(digest));
      this.#touch(digest, bytes.byteLength);
      await this.#shrink();
    } catch (error) {
      this.#events.writeFailed(digest, error);
      await rm(part, { force: true });
    }
  }

  #touch(digest: Digest, bytes: number): void {
    this.#bytes += bytes - (this.#files.get(digest) ?? 0);
    this.#files.delete(digest);
    this.#files.set(digest, bytes);
  }

  async #shrink(): Promise<void> {
    for (const digest of this.#files.keys()) {
      if (this.#bytes <= this.#maxBytes) return;
      await this.#drop(digest);
    }
  }

  async #drop(digest: Digest): Promise<void> {
    this.#bytes -= this.#files.get(digest) ?? 0;
    this.#files.delete(digest);
    await rm(this.#path(digest), { force: true });
  }

  #path(digest: Digest): string {
    return path.join(this.#directory, digest.slice('sha256:'.length));
  }
}
