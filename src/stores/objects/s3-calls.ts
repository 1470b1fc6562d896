import { DeleteObjectsCommand, S3Client } from '@aws-sdk/client-s3';
import { createHash } from 'node:crypto';
import { ShoalError } from '../../core/errors.ts';
import type { Limits } from '../../core/limits.ts';
import { Turns } from '../../core/turns.ts';
import type { S3Settings } from '../../wire/store-settings.ts';
import { s3Failure } from './s3-failure.ts';

export type S3Limits = Pick<
  Limits,
  | 's3ConnectMs'
  | 's3SilenceMs'
  | 's3CallMs'
  | 's3BytesPerSecond'
  | 's3Tries'
  | 's3Calls'
  | 's3QueueCalls'
  | 's3PartBytes'
  | 's3UploadParts'
>;

/** One S3 server: its client, so many calls at once, each with an end. */
export class S3Calls {
  readonly client: S3Client;
  readonly limits: S3Limits;
  readonly #turns: Turns;

  constructor({ region, endpoint, pathStyle }: Omit<S3Settings, 'bucket' | 'prefix'>, limits: S3Limits) {
    this.limits = limits;
    // Sockets are bounded by the calls: in the agent's own line they would be taken for connections that don't come about.
    const agent = { keepAlive: true, maxSockets: Number.POSITIVE_INFINITY };
    this.client = new S3Client({
      region,
      forcePathStyle: pathStyle,
      ...(endpoint === undefined ? {} : { endpoint }),
      // Others than Amazon's may know no CRC trailers. What has no checksum of ours is guarded by signature or TLS.
      requestChecksumCalculation: 'WHEN_REQUIRED',
      responseChecksumValidation: 'WHEN_REQUIRED',
      // It would open a connection of its own for each upload.
      expectContinueHeader: false,
      retryMode: 'standard',
      maxAttempts: limits.s3Tries,
      requestHandler: {
        connectionTimeout: limits.s3ConnectMs,
        socketTimeout: limits.s3SilenceMs,
        httpAgent: agent,
        httpsAgent: agent,
      },
    });
    const waiting = limits.s3QueueCalls;
    this.#turns = new Turns(limits.s3Calls, waiting, () => {
      return new ShoalError('STORE_UNAVAILABLE', `${waiting} calls to the object store are waiting already`);
    });
    addContentMd5(this.client);
  }

  /** `bytes`: what it carries. `where`: the store, for messages. */
  call<T>(
    where: string,
    doing: string,
    bytes: number,
    action: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const begunMs = performance.now();
    return this.#turns.run(async () => {
      if (performance.now() - begunMs > this.limits.s3CallMs)
        throw new ShoalError(
          'STORE_UNAVAILABLE',
          `the object store ${where}: ${doing} waited too long in line`,
        );
      const stop = new AbortController();
      const timer = setTimeout(() => stop.abort(), this.#msFor(bytes));
      try {
        return await action(stop.signal);
      } catch (error) {
        throw s3Failure(where, doing, error);
      } finally {
        clearTimeout(timer);
      }
    });
  }

  #msFor(bytes: number): number {
    return this.limits.s3CallMs + (bytes / this.limits.s3BytesPerSecond) * 1_000;
  }

  close(): void {
    this.client.destroy();
  }
}

/** For deleting several objects a checksum is required; the client's CRC32 is unknown to older servers, this to none. */
function addContentMd5(client: S3Client): void {
  client.middlewareStack.add(
    (next, context) => (args) => {
      const request = args.request as { headers: Record<string, string>; body?: unknown };
      if (context.commandName === DeleteObjectsCommand.name && typeof request.body === 'string')
        request.headers['content-md5'] = createHash('md5').update(request.body).digest('base64');
      return next(args);
    },
    { step: 'build', priority: 'low' },
  );
}
