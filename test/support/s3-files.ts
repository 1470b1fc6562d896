import { createHash, randomUUID } from 'node:crypto';
import { createReadStream, createWriteStream, readdirSync, statSync } from 'node:fs';
import { mkdir, readFile, rename, rm, stat, utimes } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';

const require = createRequire(import.meta.url);
const FilesystemStore = require('@20minutes/s3rver/lib/stores/filesystem.js') as new (
  root: string,
) => { rootDirectory: string };
const S3Object = require('@20minutes/s3rver/lib/models/object.js') as new (
  bucket: string,
  key: string,
  content: Readable | null,
  metadata: Metadata,
) => { readonly bucket: string; readonly key: string; readonly content: unknown };

type Metadata = Readonly<Record<string, string | number>>;

const SUFFIX = '._S3rver_object';

/**
 * The server's own store overwrites objects in place, lists in the order of directories and looks at every file of the
 * bucket for each page. This one does as S3 does: a put is all or nothing, lists are in the order of the keys' bytes,
 * and copying an object onto itself makes it new.
 */
export class S3Files extends FilesystemStore {
  /** Of each bucket. */
  readonly #keys = new Map<string, Set<string>>();
  readonly #sorted = new Map<string, readonly string[]>();
  readonly #etags = new Map<string, string>();

  async getMetadata(bucket: string, key: string): Promise<Metadata> {
    const path = this.#pathOf(bucket, key);
    const { size, mtime } = await stat(path);
    let etag = this.#etags.get(path);
    if (etag === undefined) {
      etag = createHash('md5')
        .update(await readFile(path))
        .digest('hex');
      this.#etags.set(path, etag);
    }
    return { etag: JSON.stringify(etag), 'last-modified': mtime.toUTCString(), 'content-length': size };
  }

  async putObject(object: {
    bucket: string;
    key: string;
    content: Buffer | Readable;
  }): Promise<{ size: number; md5: string }> {
    const path = this.#pathOf(object.bucket, object.key);
    const uploading = join(this.rootDirectory, 'uploading', randomUUID());
    await Promise.all([
      mkdir(dirname(path), { recursive: true }),
      mkdir(dirname(uploading), { recursive: true }),
    ]);
    const hash = createHash('md5');
    let size = 0;
    const counted = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        size += chunk.length;
        done(null, chunk);
      },
    });
    const content = Buffer.isBuffer(object.content) ? Readable.from([object.content]) : object.content;
    await pipeline(content, counted, createWriteStream(uploading));
    await rename(uploading, path);
    const md5 = hash.digest('hex');
    this.#etags.set(path, md5);
    this.#keysOf(object.bucket).add(object.key);
    this.#sorted.delete(object.bucket);
    return { size, md5 };
  }

  async getObject(bucket: string, key: string, options?: { start?: number; end?: number }): Promise<unknown> {
    const found = await stat(this.#pathOf(bucket, key)).catch(() => undefined);
    if (found === undefined) return null;
    const { start = 0, end = Number.POSITIVE_INFINITY } = options ?? {};
    const range = { start, end: Math.min(end, found.size - 1) };
    const isEmpty = range.end < range.start;
    const content = isEmpty ? Readable.from([]) : createReadStream(this.#pathOf(bucket, key), range);
    const isRange = options?.start !== undefined;
    const object = new S3Object(
      bucket,
      key,
      isRange && isEmpty ? null : content,
      await this.getMetadata(bucket, key),
    );
    return isRange ? Object.assign(object, { range }) : object;
  }

  async copyObject(fromBucket: string, fromKey: string, bucket: string, key: string): Promise<Metadata> {
    const from = this.#pathOf(fromBucket, fromKey);
    const now = new Date();
    if (from === this.#pathOf(bucket, key)) await utimes(from, now, now);
    else await this.putObject({ bucket, key, content: createReadStream(from) });
    return this.getMetadata(bucket, key);
  }

  async deleteObject(bucket: string, key: string): Promise<void> {
    const path = this.#pathOf(bucket, key);
    await rm(path, { force: true });
    this.#etags.delete(path);
    this.#keysOf(bucket).delete(key);
    this.#sorted.delete(bucket);
  }

  async listObjects(
    bucket: string,
    {
      prefix = '',
      startAfter = '',
      maxKeys = 1_000,
    }: { prefix?: string; startAfter?: string; maxKeys?: number },
  ): Promise<{ objects: unknown[]; commonPrefixes: string[]; isTruncated: boolean }> {
    const all = this.#sortedKeys(bucket);
    const keys: string[] = [];
    let at = firstAfter(all, startAfter >= prefix ? startAfter : prefix, startAfter < prefix);
    for (; at < all.length && keys.length < maxKeys; at++) {
      const key = all[at] as string;
      if (!key.startsWith(prefix)) break;
      keys.push(key);
    }
    const metadata = await Promise.all(
      keys.map((key) => this.getMetadata(bucket, key).catch(() => undefined)),
    );
    const objects = keys.flatMap((key, index) => {
      const its = metadata[index];
      return its === undefined ? [] : [new S3Object(bucket, key, null, its)];
    });
    return { objects, commonPrefixes: [], isTruncated: all[at]?.startsWith(prefix) ?? false };
  }

  async abortUpload(bucket: string, uploadId: string): Promise<void> {
    await rm(join(this.rootDirectory, bucket, '._S3rver_uploads', uploadId), {
      recursive: true,
      force: true,
    });
  }

  #pathOf(bucket: string, key: string): string {
    return join(this.rootDirectory, bucket, key + SUFFIX);
  }

  #sortedKeys(bucket: string): readonly string[] {
    let sorted = this.#sorted.get(bucket);
    if (sorted === undefined) {
      sorted = [...this.#keysOf(bucket)].sort((a, b) => (a < b ? -1 : 1));
      this.#sorted.set(bucket, sorted);
    }
    return sorted;
  }

  /** Read once from the directory, which nobody else changes. */
  #keysOf(bucket: string): Set<string> {
    let keys = this.#keys.get(bucket);
    if (keys === undefined) {
      keys = new Set(keysIn(join(this.rootDirectory, bucket), ''));
      this.#keys.set(bucket, keys);
    }
    return keys;
  }
}

function* keysIn(directory: string, prefix: string): Generator<string> {
  for (const name of readdirSync(directory)) {
    if (statSync(join(directory, name)).isDirectory())
      yield* keysIn(join(directory, name), `${prefix}${name}/`);
    else if (name.endsWith(SUFFIX)) yield prefix + name.slice(0, -SUFFIX.length);
  }
}

/** The index of the first key after `text`, or of `text` itself when `included`. */
function firstAfter(sorted: readonly string[], text: string, included: boolean): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    const key = sorted[middle] as string;
    if (key < text || (key === text && !included)) low = middle + 1;
    else high = middle;
  }
  return low;
}
