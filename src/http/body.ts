import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { ShoalError } from '../core/errors.ts';
import { quote } from '../core/ids.ts';
import type { Limits } from '../core/limits.ts';

/** How long, and for how many bytes, the rest of a refused body is read and thrown away so that the client sees the answer. */
const DISCARD_MS = 5_000;
const DISCARD_BYTES = 256 * 1024 * 1024;

type Inflate = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;
/** A Map, as are all tables that callers' words look into: an object would know `constructor` too. */
const INFLATERS: ReadonlyMap<string, Inflate> = new Map<string, Inflate>([
  ['gzip', promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip)],
  ['x-gzip', promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.gunzip)],
  ['deflate', promisify<Buffer, zlib.ZlibOptions, Buffer>(zlib.inflate)],
  ['zstd', promisify<Buffer, zlib.ZstdOptions, Buffer>(zlib.zstdDecompress)],
]);

/**
 * A whole body of at most `limits.bodyBytes` (before and after inflation), within `limits.bodyTimeoutMs`.
 * Throws TOO_LARGE, REQUEST_TIMEOUT, UNSUPPORTED_ENCODING, INVALID_REQUEST (cut off, or not what its encoding says).
 */
export async function readBody(request: IncomingMessage, payload: Readable, limits: Limits): Promise<Buffer> {
  const coding = decoderOf(request, INFLATERS);
  const raw = await collect(request, payload, limits);
  return coding === undefined ? raw : inflateWithin(raw, coding, limits.bodyBytes);
}

export interface Coding<Decoder> {
  readonly encoding: string;
  readonly decoder: Decoder;
}

/** What decodes a body, by its content-encoding; undefined when it has none. Throws UNSUPPORTED_ENCODING. */
export function decoderOf<Decoder>(
  request: IncomingMessage,
  decoders: ReadonlyMap<string, Decoder>,
): Coding<Decoder> | undefined {
  const encoding = request.headers['content-encoding']?.trim().toLowerCase() ?? '';
  if (encoding === '' || encoding === 'identity') return undefined;
  const decoder = decoders.get(encoding);
  if (decoder !== undefined) return { encoding, decoder };
  const known = decoders.size === 0 ? 'absent here' : `one of ${[...decoders.keys()].join(', ')}`;
  throw new ShoalError('UNSUPPORTED_ENCODING', `content-encoding must be ${known}, got ${quote(encoding)}`);
}

function collect(request: IncomingMessage, payload: Readable, limits: Limits): Promise<Buffer> {
  const declared = Number(request.headers['content-length'] ?? 0);
  if (declared > limits.bodyBytes) return Promise.reject(tooLarge(limits.bodyBytes, `${declared} declared`));
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const timer = setTimeout(
      () => settle(() => reject(tooSlow(limits.bodyTimeoutMs, bytes))),
      limits.bodyTimeoutMs,
    );
    const settle = (act: () => void): void => {
      clearTimeout(timer);
      payload.off('data', onData).off('end', onEnd).off('error', onCut).off('close', onCut);
      act();
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes > limits.bodyBytes)
        settle(() => reject(tooLarge(limits.bodyBytes, `more than ${limits.bodyBytes}`)));
      else chunks.push(chunk);
    };
    const onEnd = (): void =>
      settle(() => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks, bytes)));
    const onCut = (): void =>
      settle(() => reject(new ShoalError('INVALID_REQUEST', `the body was cut off after ${bytes} bytes`)));
    payload.on('data', onData).on('end', onEnd).on('error', onCut).on('close', onCut);
  });
}

async function inflateWithin(
  raw: Buffer,
  { encoding, decoder }: Coding<Inflate>,
  maxBytes: number,
): Promise<Buffer> {
  try {
    return await decoder(raw, { maxOutputLength: maxBytes });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE') {
      throw tooLarge(maxBytes, `more after ${encoding} inflation`);
    }
    throw new ShoalError('INVALID_REQUEST', `the body is not valid ${encoding}: ${(error as Error).message}`);
  }
}

/**
 * After a refusal: reads the rest of a body without keeping it, for a bounded while. Closing at once would reset
 * the connection under the answer, before the client has read it.
 */
export function discardBody(request: IncomingMessage): void {
  if (request.complete || request.destroyed) return;
  let bytes = 0;
  const cut = (): void => void request.socket.destroy();
  const timer = setTimeout(cut, DISCARD_MS);
  timer.unref();
  request.on('data', (chunk: Buffer) => {
    bytes += chunk.length;
    if (bytes > DISCARD_BYTES) cut();
  });
  request.on('close', () => clearTimeout(timer));
  request.on('error', () => clearTimeout(timer));
  request.resume();
}

function tooLarge(limit: number, came: string): ShoalError {
  return new ShoalError('TOO_LARGE', `the body may have ${limit} bytes, came ${came}`);
}

function tooSlow(limitMs: number, bytes: number): ShoalError {
  return new ShoalError(
    'REQUEST_TIMEOUT',
    `the body must arrive within ${limitMs} ms; after that ${bytes} bytes had come`,
  );
}
