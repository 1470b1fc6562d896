import {
  CopyObjectCommand,
  DeleteObjectCommand,
  DeleteObjectsCommand,
  GetObjectCommand,
  type GetObjectCommandOutput,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { Upload } from '@aws-sdk/lib-storage';
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { ShoalError } from '../../core/errors.ts';
import type { ListedObject, ObjectHead, ObjectStore, ObjectStream } from './objects.ts';
import type { S3Calls } from './s3-calls.ts';
import { isMissing, s3Failure } from './s3-failure.ts';
import { listObjects } from './s3-listing.ts';

/** What one call deletes at most. */
const DELETED_AT_ONCE = 1_000;

/** A bucket, or what is below a prefix of it. The calls are the caller's to close. */
export class S3Objects implements ObjectStore {
  readonly #calls: S3Calls;
  readonly #bucket: string;
  readonly #prefix: string;
  /** For messages. */
  readonly #where: string;

  /** `prefix`: empty, or without a slash at either end. */
  constructor(calls: S3Calls, bucket: string, prefix: string) {
    this.#calls = calls;
    this.#bucket = bucket;
    this.#prefix = prefix === '' ? '' : `${prefix}/`;
    this.#where = `s3://${bucket}${prefix === '' ? '' : `/${prefix}`}`;
  }

  /**
   * The server compares the checksum. No put is conditional: keys tell the content's digest, or the revision of a
   * state, so who writes one again writes the same.
   */
  async put(key: string, bytes: Uint8Array): Promise<void> {
    const ChecksumSHA256 = createHash('sha256').update(bytes).digest('base64');
    const command = () => new PutObjectCommand({ ...this.#at(key), Body: bytes, ChecksumSHA256 });
    await this.#call(`writing ${key}`, bytes.byteLength, (abortSignal) =>
      this.#calls.client.send(command(), { abortSignal }),
    );
  }

  async putStream(key: string, chunks: AsyncIterable<Uint8Array>, bytes: number): Promise<void> {
    const { s3PartBytes, s3UploadParts } = this.#calls.limits;
    const source: { error?: unknown } = {};
    const upload = new Upload({
      client: this.#calls.client,
      params: { ...this.#at(key), Body: Readable.from(noting(chunks, source)) },
      partSize: s3PartBytes,
      queueSize: s3UploadParts,
    });
    await this.#call(`uploading ${key}`, bytes, async (signal) => {
      signal.addEventListener('abort', () => void upload.abort(), { once: true });
      await upload.done().catch((error: unknown) => {
        if (source.error === undefined) throw error;
      });
    });
    // What the source threw is the caller's matter and not the store's.
    if (source.error !== undefined) throw source.error;
  }

  async get(key: string): Promise<Buffer | undefined> {
    const found = await this.getStream(key);
    if (found === undefined) return undefined;
    const parts: Uint8Array[] = [];
    for await (const chunk of found.chunks) parts.push(chunk);
    const [only] = parts;
    if (parts.length !== 1 || only === undefined) return Buffer.concat(parts);
    return Buffer.from(only.buffer, only.byteOffset, only.byteLength);
  }

  /** By ranges, so that who reads slowly keeps no connection, and what is lost on the way costs one part. */
  async getStream(key: string): Promise<ObjectStream | undefined> {
    const first = await this.#part(key, 0);
    if (first === undefined) return undefined;
    return { bytes: first.total, etag: first.etag, chunks: this.#parts(key, first) };
  }

  async *#parts(key: string, first: Part): AsyncGenerator<Uint8Array> {
    if (first.bytes.byteLength > 0) yield first.bytes;
    for (let at = first.bytes.byteLength; at < first.total; ) {
      const part = await this.#part(key, at, first.etag);
      if (part === undefined || part.etag !== first.etag || part.bytes.byteLength === 0)
        throw new ShoalError(
          'STORE_UNAVAILABLE',
          `${this.#where}/${key} was replaced while it was being read`,
        );
      yield part.bytes;
      at += part.bytes.byteLength;
    }
  }

  async #part(key: string, from: number, etag?: string): Promise<Part | undefined> {
    const size = this.#calls.limits.s3PartBytes;
    const Range = `bytes=${from}-${from + size - 1}`;
    const given = etag === undefined ? {} : { IfMatch: etag };
    const command = () => new GetObjectCommand({ ...this.#at(key), Range, ...given });
    return this.#ifThere(`reading ${key}`, size, async (abortSignal) => {
      try {
        const answer = await this.#calls.client.send(command(), { abortSignal });
        return await partOf(answer, from, abortSignal);
      } catch (error) {
        const status = error instanceof S3ServiceException ? error.$metadata.httpStatusCode : undefined;
        // No range lies in what is empty.
        if (status === 416 && from === 0) return { bytes: new Uint8Array(), total: 0, etag: 'empty' };
        if (status === 412) return undefined;
        throw error;
      }
    });
  }

  head(key: string): Promise<ObjectHead | undefined> {
    const command = () => new HeadObjectCommand({ ...this.#at(key), ChecksumMode: 'ENABLED' });
    return this.#ifThere(`looking for ${key}`, 0, async (abortSignal) => {
      const found = await this.#calls.client.send(command(), { abortSignal });
      // That of an upload in parts is one of the parts' checksums, and ends with their number.
      const isWhole = found.ChecksumSHA256 !== undefined && !found.ChecksumSHA256.includes('-');
      return {
        bytes: found.ContentLength ?? 0,
        modifiedMs: found.LastModified?.getTime() ?? 0,
        etag: found.ETag ?? '',
        ...(isWhole ? { sha256: Buffer.from(found.ChecksumSHA256 ?? '', 'base64').toString('hex') } : {}),
      };
    });
  }

  list(prefix: string, startAfter?: string): AsyncGenerator<readonly ListedObject[]> {
    return listObjects(
      {
        prefix: this.#prefix,
        where: this.#where,
        ask: (given) => {
          const command = () => new ListObjectsV2Command({ Bucket: this.#bucket, ...given });
          return this.#call(`listing ${prefix}`, 0, (abortSignal) =>
            this.#calls.client.send(command(), { abortSignal }),
          );
        },
      },
      prefix,
      startAfter,
    );
  }

  async touch(key: string): Promise<boolean> {
    const CopySource = [this.#bucket, ...(this.#prefix + key).split('/')].map(encodeURIComponent).join('/');
    const touched = await this.#ifThere(`touching ${key}`, 0, (abortSignal) =>
      this.#calls.client.send(
        new CopyObjectCommand({
          ...this.#at(key),
          CopySource,
          // Onto itself nothing may be copied that stays as it is.
          MetadataDirective: 'REPLACE',
        }),
        { abortSignal },
      ),
    );
    return touched !== undefined;
  }

  async delete(key: string): Promise<void> {
    await this.#ifThere(`deleting ${key}`, 0, (abortSignal) =>
      this.#calls.client.send(new DeleteObjectCommand(this.#at(key)), { abortSignal }),
    );
  }

  async deleteMany(keys: readonly string[]): Promise<void> {
    for (let at = 0; at < keys.length; at += DELETED_AT_ONCE) {
      const some = keys.slice(at, at + DELETED_AT_ONCE);
      const Objects = some.map((key) => ({ Key: this.#prefix + key }));
      const command = () =>
        new DeleteObjectsCommand({ Bucket: this.#bucket, Delete: { Objects, Quiet: true } });
      await this.#call(`deleting ${some.length} objects`, 0, async (abortSignal) => {
        const { Errors = [] } = await this.#calls.client.send(command(), { abortSignal });
        const [first] = Errors;
        if (first === undefined) return;
        throw new ShoalError(
          'STORE_UNAVAILABLE',
          `the object store ${this.#where}: ${Errors.length} of ${some.length} objects could not be deleted (${first.Code ?? 'no reason given'})`,
        );
      });
    }
  }

  #at(key: string): { Bucket: string; Key: string } {
    return { Bucket: this.#bucket, Key: this.#prefix + key };
  }

  #call<T>(doing: string, bytes: number, action: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#calls.call(this.#where, doing, bytes, action);
  }

  #ifThere<T>(
    doing: string,
    bytes: number,
    action: (signal: AbortSignal) => Promise<T>,
  ): Promise<T | undefined> {
    return this.#call(doing, bytes, async (signal) => {
      try {
        return await action(signal);
      } catch (error) {
        if (isMissing(error)) return undefined;
        throw s3Failure(this.#where, doing, error);
      }
    });
  }
}

interface Part {
  readonly bytes: Uint8Array;
  /** Of the whole object. */
  readonly total: number;
  readonly etag: string;
}

async function partOf(
  { Body, ContentRange, ETag = '' }: GetObjectCommandOutput,
  from: number,
  signal: AbortSignal,
): Promise<Part> {
  const body = Body as Readable;
  const cut = (): void => {
    body.destroy(Object.assign(new Error('cut off'), { name: 'TimeoutError' }));
  };
  signal.addEventListener('abort', cut, { once: true });
  const chunks: Uint8Array[] = [];
  try {
    for await (const chunk of body) chunks.push(chunk as Uint8Array);
  } finally {
    signal.removeEventListener('abort', cut);
  }
  const bytes = Buffer.concat(chunks);
  const total = Number(/\/(\d+)$/.exec(ContentRange ?? '')?.[1]);
  if (Number.isSafeInteger(total)) return { bytes, total, etag: ETag };
  // A server that knows no ranges sends everything every time.
  return { bytes: bytes.subarray(from), total: bytes.byteLength, etag: ETag };
}

/** Keeps what the source threw, which a stream hands on in other words. */
async function* noting(
  chunks: AsyncIterable<Uint8Array>,
  source: { error?: unknown },
): AsyncGenerator<Uint8Array> {
  const iterator = chunks[Symbol.asyncIterator]();
  const next = (): Promise<IteratorResult<Uint8Array>> =>
    iterator.next().catch((error: unknown) => {
      source.error = error;
      throw error;
    });
  try {
    // A stream that is given up throws its own reason in at `yield`, which isn't the source's.
    for (let step = await next(); step.done !== true; step = await next()) yield step.value;
  } finally {
    await iterator.return?.();
  }
}
