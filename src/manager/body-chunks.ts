import type { IncomingMessage } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import zlib from 'node:zlib';
import { ShoalError } from '../core/errors.ts';
import { decoderOf } from '../http/body.ts';

const DECODERS: ReadonlyMap<string, () => NodeJS.ReadWriteStream> = new Map<
  string,
  () => NodeJS.ReadWriteStream
>([
  ['gzip', zlib.createGunzip],
  ['x-gzip', zlib.createGunzip],
  ['zstd', zlib.createZstdDecompress],
]);

export interface ChunkOptions {
  /** The longest silence of a client that we are waiting for. */
  readonly silenceMs: number;
  /** True while the client may rightly be silent: it waits for us. */
  readonly isBusy?: () => boolean;
}

/**
 * A request's body, read at the reader's pace. Leaving the loop leaves the connection open, so that an answer
 * can be sent. Throws REQUEST_TIMEOUT, and INVALID_REQUEST when the body is cut off.
 */
export async function* bodyChunks(body: Readable, options: ChunkOptions): AsyncGenerator<Uint8Array> {
  const chunks = body.iterator({ destroyOnReturn: false }) as AsyncIterator<Uint8Array>;
  try {
    for (;;) {
      const next = await nextWithin(chunks, options);
      if (next.done === true) return;
      yield next.value;
    }
  } catch (error) {
    if (error instanceof ShoalError) throw error;
    throw new ShoalError('INVALID_REQUEST', 'the body was cut off', { cause: error });
  }
}

/** The same, after the content-encoding that its head names. Throws UNSUPPORTED_ENCODING at once. */
export function decodedChunks(
  request: IncomingMessage,
  body: Readable,
  options: ChunkOptions,
): AsyncIterable<Uint8Array> {
  const coding = decoderOf(request, DECODERS);
  if (coding === undefined) return bodyChunks(body, options);
  return decode(bodyChunks(body, options), coding.decoder(), coding.encoding);
}

async function* decode(
  chunks: AsyncGenerator<Uint8Array>,
  decoder: NodeJS.ReadWriteStream,
  encoding: string,
): AsyncGenerator<Uint8Array> {
  const decoded = pipeline(Readable.from(chunks, { objectMode: false }), decoder, () => {
    // What went wrong is thrown by the loop below.
  });
  try {
    for await (const chunk of decoded) yield chunk as Buffer;
  } catch (error) {
    if (error instanceof ShoalError) throw error;
    const message = error instanceof Error ? error.message : String(error);
    throw new ShoalError('INVALID_REQUEST', `the body is not valid ${encoding}: ${message}`, {
      cause: error,
    });
  }
}

async function nextWithin(
  chunks: AsyncIterator<Uint8Array>,
  { silenceMs, isBusy }: ChunkOptions,
): Promise<IteratorResult<Uint8Array>> {
  const late = Promise.withResolvers<never>();
  const timer = setInterval(() => {
    if (isBusy?.() === true) return;
    late.reject(new ShoalError('REQUEST_TIMEOUT', `nothing of the body came for ${silenceMs} ms`));
  }, silenceMs);
  try {
    return await Promise.race([chunks.next(), late.promise]);
  } finally {
    clearInterval(timer);
  }
}
