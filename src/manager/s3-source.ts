import { createHash } from 'node:crypto';
import { ShoalError } from '../core/errors.ts';
import { type Digest, quote } from '../core/ids.ts';
import type { ObjectStore, ObjectStream } from '../stores/objects/objects.ts';
import { bucketAndKey } from '../stores/objects/s3-url.ts';
import type { ArtifactSource, ArtifactSources } from './artifact-source.ts';

/** What is no larger is kept until its registration is over, and so read once. */
const KEPT_BYTES = 1024 * 1024;

/** `s3://bucket/key` under one of the roots, read by this server itself. */
export async function fromS3(uri: string, sources: ArtifactSources): Promise<ArtifactSource> {
  const { buckets, allowRoots } = sources;
  const place = bucketAndKey(uri);
  if (place === undefined || !isKey(place.key))
    throw invalid(`artifact.uri must be s3://bucket/key, got ${quote(uri)}`);
  if (!allowRoots.some((root) => isBelow(uri, root))) {
    throw new ShoalError(
      'FORBIDDEN',
      `artifact.uri ${quote(uri)} is not below an s3:// root that this server allows (--allow-root)`,
    );
  }
  if (buckets === undefined)
    throw invalid('artifact.uri: this server knows no S3 server; start it with S3 settings, or use file://');
  return fromObject(buckets(place.bucket), place.key, uri, sources);
}

async function fromObject(
  objects: ObjectStore,
  key: string,
  uri: string,
  { artifacts, maxBytes }: ArtifactSources,
): Promise<ArtifactSource> {
  const open = async (): Promise<ObjectStream> => {
    const stream = await objects.getStream(key);
    if (stream === undefined) throw invalid(`artifact.uri ${quote(uri)}: there is no such object`);
    if (stream.bytes > maxBytes)
      throw new ShoalError('TOO_LARGE', `artifact is larger than ${maxBytes} bytes (limit artifactBytes)`);
    return stream;
  };
  const first = await open();
  const { digest, kept } = await read(first);
  /** As it was read at first, or not at all. */
  const reopen = async (): Promise<ObjectStream> => {
    const stream = await open();
    if (stream.etag === first.etag) return stream;
    throw invalid(`artifact.uri ${quote(uri)} was changed while it was being registered`);
  };
  return {
    digest,
    bytes: first.bytes,
    async read() {
      if (kept !== undefined) return kept;
      const parts: Uint8Array[] = [];
      for await (const chunk of (await reopen()).chunks) parts.push(chunk);
      return Buffer.concat(parts);
    },
    async store() {
      if (kept !== undefined) await artifacts.putBytes(kept);
      else await artifacts.put((await reopen()).chunks, { maxBytes, digest });
    },
    close: () => Promise.resolve(),
  };
}

async function read({ bytes, chunks }: ObjectStream): Promise<{ digest: Digest; kept?: Buffer }> {
  const hash = createHash('sha256');
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) {
    hash.update(chunk);
    if (bytes <= KEPT_BYTES) parts.push(chunk);
  }
  const digest: Digest = `sha256:${hash.digest('hex')}`;
  return bytes <= KEPT_BYTES ? { digest, kept: Buffer.concat(parts) } : { digest };
}

/** Names of S3 know no folders, but some servers keep objects in them. */
function isKey(key: string): boolean {
  return key !== '' && key.length <= 1_024 && !key.split('/').some((part) => part === '.' || part === '..');
}

function isBelow(uri: string, root: string): boolean {
  return root.startsWith('s3://') && uri.startsWith(root.endsWith('/') ? root : `${root}/`);
}

function invalid(message: string): ShoalError {
  return new ShoalError('INVALID_REQUEST', message);
}
