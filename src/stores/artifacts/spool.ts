import { createHash } from 'node:crypto';
import { ShoalError } from '../../core/errors.ts';
import type { Digest } from '../../core/ids.ts';
import { storeUnavailable } from '../store-error.ts';
import type { StoredArtifact } from './artifacts.ts';
import type { Staging, StagingFile } from './staging.ts';

export interface Spooled extends StoredArtifact {
  /** Set when all of it is in memory. */
  readonly inMemory?: Buffer;
  read(): Promise<Buffer>;
  chunks(): AsyncIterable<Uint8Array>;
  discard(): Promise<void>;
}

export interface SpoolOptions {
  readonly maxBytes: number;
  readonly digest?: Digest;
  /** Up to this size it stays in memory. */
  readonly memoryBytes: number;
}

/** Takes a stream while hashing it: into memory, and into a temporary file once it is too large for that. */
export async function spool(
  source: AsyncIterable<Uint8Array>,
  staging: Staging,
  { maxBytes, digest: expected, memoryBytes }: SpoolOptions,
): Promise<Spooled> {
  const hash = createHash('sha256');
  const held: Uint8Array[] = [];
  let bytes = 0;
  let file: StagingFile | undefined;
  const discard = async (): Promise<void> => {
    await attempt(async () => file?.discard());
  };
  try {
    for await (const chunk of source) {
      bytes += chunk.byteLength;
      if (bytes > maxBytes)
        throw new ShoalError('TOO_LARGE', `artifact is larger than the limit of ${maxBytes} bytes`);
      hash.update(chunk);
      if (file === undefined) held.push(chunk);
      if (bytes <= memoryBytes) continue;
      file = await attempt(async () => written(file ?? (await staging.create()), held, chunk));
    }
    const digest: Digest = `sha256:${hash.digest('hex')}`;
    if (expected !== undefined && expected !== digest) {
      const message = `artifact has digest ${digest}, expected ${expected} as the request says`;
      throw new ShoalError('INVALID_REQUEST', message);
    }
    return file === undefined
      ? inMemory(digest, Buffer.concat(held))
      : { digest, bytes, ...inFile(file, bytes), discard };
  } catch (error) {
    await discard();
    throw error;
  }
}

/** What is held goes first, and the chunk with it when it is among that. */
async function written(file: StagingFile, held: Uint8Array[], chunk: Uint8Array): Promise<StagingFile> {
  if (held.length === 0) await file.write(chunk);
  for (const part of held.splice(0)) await file.write(part);
  return file;
}

function inMemory(digest: Digest, bytes: Buffer): Spooled {
  return {
    digest,
    bytes: bytes.length,
    inMemory: bytes,
    read: () => Promise.resolve(bytes),
    async *chunks() {
      yield bytes;
    },
    discard: () => Promise.resolve(),
  };
}

function inFile(file: StagingFile, bytes: number): Pick<Spooled, 'read' | 'chunks'> {
  return { read: () => attempt(() => file.read(bytes)), chunks: () => file.chunks(bytes) };
}

async function attempt<T>(action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    throw storeUnavailable('artifact store', 'keeping an artifact in a temporary file', error);
  }
}
