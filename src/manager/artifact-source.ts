import { createHash } from 'node:crypto';
import { type FileHandle, open, realpath } from 'node:fs/promises';
import { constants } from 'node:fs';
import { sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { ShoalError } from '../core/errors.ts';
import { checkDigest, type Digest, quote } from '../core/ids.ts';
import { isObject, type JsonValue } from '../model/json.ts';
import type { ArtifactStore } from '../stores/artifacts/artifacts.ts';
import type { ObjectStore } from '../stores/objects/objects.ts';
import { fromS3 } from './s3-source.ts';

/** Where a registration's bytes come from. Nothing is kept in memory that can be read again. */
export interface ArtifactSource {
  readonly digest: Digest;
  readonly bytes: number;
  read(): Promise<Uint8Array>;
  /** Durable in the store when this returns; nothing to do for what came from there and is there still. */
  store(): Promise<void>;
  /** Lets go of what was kept for this registration, which is over. */
  close(): Promise<void>;
}

export interface ArtifactSources {
  readonly artifacts: ArtifactStore;
  /** The buckets of the S3 server that s3:// uris are read from; absent: there is none. */
  readonly buckets?: (bucket: string) => ObjectStore;
  /** Folders, and `s3://bucket/prefix`. */
  readonly allowRoots: readonly string[];
  readonly maxBytes: number;
}

/** The `artifact` member of a JSON registration or bulk line. Throws INVALID_REQUEST, TOO_LARGE, FORBIDDEN. */
export async function sourceOf(
  value: JsonValue | undefined,
  sources: ArtifactSources,
): Promise<ArtifactSource> {
  if (!isObject(value)) throw invalid('artifact must be an object with uri, base64 or digest');
  const given = Object.keys(value);
  const unknown = given.find((key) => key !== 'uri' && key !== 'base64' && key !== 'digest');
  if (unknown !== undefined) throw invalid(`artifact has the unknown member ${quote(unknown)}`);
  const { uri, base64, digest } = value;
  if (uri !== undefined && base64 !== undefined) throw invalid('artifact takes uri or base64, not both');
  const expected = digest === undefined ? undefined : checkDigest(digest);
  const source = await found(uri, base64, expected, sources);
  if (expected !== undefined && source.digest !== expected) {
    throw invalid(`artifact has digest ${source.digest}, expected ${expected} as the request says`);
  }
  return source;
}

async function found(
  uri: JsonValue | undefined,
  base64: JsonValue | undefined,
  digest: Digest | undefined,
  sources: ArtifactSources,
): Promise<ArtifactSource> {
  if (uri !== undefined) return fromUri(uri, sources);
  if (base64 !== undefined) return fromBase64(base64, sources);
  if (digest === undefined) throw invalid('artifact must have uri, base64 or digest');
  return fromStore(digest, sources.artifacts);
}

/** Bytes that the store already has. */
async function fromStore(digest: Digest, artifacts: ArtifactStore): Promise<ArtifactSource> {
  const isSound = await artifacts.holds(digest);
  const stored = isSound ? await artifacts.stat(digest) : undefined;
  if (stored === undefined) {
    throw invalid(`artifact ${digest} is not in the store, or not whole: send its bytes, or a uri`);
  }
  const gone = () => invalid(`artifact ${digest} is not in the store any more`);
  return {
    ...stored,
    async read() {
      const bytes = await artifacts.read(digest);
      if (bytes === undefined) throw gone();
      return bytes;
    },
    async store() {
      if ((await artifacts.stat(digest)) === undefined) throw gone();
    },
    close: () => Promise.resolve(),
  };
}

/** A streamed body: in the store only once it is admitted. */
export async function fromStream(
  chunks: AsyncIterable<Uint8Array>,
  { artifacts, maxBytes }: ArtifactSources,
): Promise<ArtifactSource> {
  const received = await artifacts.receive(chunks, { maxBytes });
  const { digest, bytes } = received;
  return {
    digest,
    bytes,
    read: () => received.read(),
    store: () => received.store(),
    close: () => received.discard(),
  };
}

function fromBase64(value: JsonValue, { artifacts, maxBytes }: ArtifactSources): ArtifactSource {
  if (typeof value !== 'string') throw invalid('artifact.base64 must be a string');
  if (value.length > Math.ceil(maxBytes / 3) * 4) throw tooLarge(maxBytes);
  const bytes = Buffer.from(value, 'base64');
  // Buffer skips what isn't base64; only what it would have written itself is taken.
  if (bytes.toString('base64') !== value) {
    throw invalid('artifact.base64 is not base64 (the standard alphabet, padded, without line breaks)');
  }
  return {
    digest: digestOf(bytes),
    bytes: bytes.length,
    read: () => Promise.resolve(bytes),
    async store() {
      await artifacts.putBytes(bytes);
    },
    close: () => Promise.resolve(),
  };
}

async function fromUri(value: JsonValue, sources: ArtifactSources): Promise<ArtifactSource> {
  if (typeof value !== 'string') throw invalid('artifact.uri must be a string');
  if (value.startsWith('s3://')) return fromS3(value, sources);
  if (!URL.canParse(value) || new URL(value).protocol !== 'file:')
    throw invalid(`artifact.uri must be a file:// or s3:// URI, got ${quote(value)}`);
  const url = new URL(value);
  return fromFile(await allowedPath(url, value, sources.allowRoots), value, sources);
}

/** The real path of a file under one of the roots; symbolic links are followed before they are judged. */
async function allowedPath(url: URL, uri: string, allowRoots: readonly string[]): Promise<string> {
  const refused = notAllowed(uri);
  let path: string;
  try {
    path = await realpath(fileURLToPath(url));
  } catch (error) {
    // Outside the roots nobody learns what exists.
    throw Object.assign(refused, { cause: error });
  }
  for (const root of allowRoots) {
    if (root.startsWith('s3://')) continue;
    const real = await realpath(root).catch(() => undefined);
    if (real !== undefined && path.startsWith(real.endsWith(sep) ? real : real + sep)) return path;
  }
  throw refused;
}

async function fromFile(path: string, uri: string, sources: ArtifactSources): Promise<ArtifactSource> {
  const { artifacts, maxBytes } = sources;
  const hash = createHash('sha256');
  const bytes = await withRegularFile(path, uri, async (file, size) => {
    if (size > maxBytes) throw tooLarge(maxBytes);
    let read = 0;
    for await (const chunk of chunksOf(file)) {
      hash.update(chunk);
      read += chunk.byteLength;
    }
    return read;
  });
  const digest: Digest = `sha256:${hash.digest('hex')}`;
  return {
    digest,
    bytes,
    async read() {
      const content = await withRegularFile(path, uri, (file) => file.readFile());
      if (digestOf(content) === digest) return content;
      throw invalid(`artifact.uri ${quote(uri)} was changed while it was being registered`);
    },
    async store() {
      await withRegularFile(path, uri, (file) => artifacts.put(chunksOf(file), { maxBytes, digest }));
    },
    close: () => Promise.resolve(),
  };
}

/** Not blocking on a pipe that nobody writes to, and nothing but a regular file. */
async function withRegularFile<T>(
  path: string,
  uri: string,
  use: (file: FileHandle, size: number) => Promise<T>,
): Promise<T> {
  let file: FileHandle;
  try {
    file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? ` (${String(error.code)})` : '';
    throw invalid(`artifact.uri ${quote(uri)} can not be read${code}`);
  }
  try {
    // A directory on the way may have become a link since the path was judged.
    const opened = process.platform === 'linux' ? `/proc/self/fd/${file.fd}` : path;
    if ((await realpath(opened).catch(() => undefined)) !== path) throw notAllowed(uri);
    const info = await file.stat();
    if (!info.isFile()) throw invalid(`artifact.uri ${quote(uri)} is not a regular file`);
    return await use(file, info.size);
  } finally {
    await file.close();
  }
}

async function* chunksOf(file: FileHandle): AsyncGenerator<Uint8Array> {
  for (;;) {
    const { bytesRead, buffer } = await file.read({ buffer: Buffer.allocUnsafe(256 * 1024) });
    if (bytesRead === 0) return;
    yield buffer.subarray(0, bytesRead);
  }
}

export function digestOf(bytes: Uint8Array): Digest {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}

function invalid(message: string): ShoalError {
  return new ShoalError('INVALID_REQUEST', message);
}

function notAllowed(uri: string): ShoalError {
  return new ShoalError(
    'FORBIDDEN',
    `artifact.uri ${quote(uri)} is not a file under a root that this server allows (--allow-root)`,
  );
}

function tooLarge(maxBytes: number): ShoalError {
  return new ShoalError('TOO_LARGE', `artifact is larger than ${maxBytes} bytes (limit artifactBytes)`);
}
