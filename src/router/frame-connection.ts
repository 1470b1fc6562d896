import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import { Client } from 'undici';
import { LastingTrouble } from '../telemetry/lasting-trouble.ts';
import { FrameReader } from '../wire/frame-reader.ts';
import { FRAME_PATH, FRAME_PROTOCOL } from '../wire/frames.ts';

const FIRST_BACKOFF_MS = 20;
const MAX_BACKOFF_MS = 2_000;

export interface FrameConnectionDeps {
  readonly address: string;
  readonly token: string;
  /** For the connection, and again for the answer that frames may come. */
  readonly timeoutMs: number;
  readonly maxFrameBytes: number;
  readonly logger: Logger;
  readonly random: () => number;
  /** A fresh socket; its listeners are the callee's. */
  readonly onConnect: (socket: Duplex) => void;
  /** One whole frame; throws when it is none of ours, which ends the connection. */
  readonly onFrame: (frame: Buffer) => void;
  readonly onDisconnect: () => void;
}

/** Keeps one frame connection to a worker, connecting anew after jittered, growing pauses until closed. */
export class FrameConnection {
  readonly #deps: FrameConnectionDeps;
  readonly #client: Client;
  readonly #trouble: LastingTrouble;
  #socket: Duplex | undefined;
  #retryTimer: NodeJS.Timeout | undefined;
  #backoffMs = FIRST_BACKOFF_MS;
  #closed = false;

  constructor(deps: FrameConnectionDeps) {
    this.#deps = deps;
    this.#trouble = new LastingTrouble(deps.logger);
    this.#client = new Client(deps.address, {
      allowH2: false,
      connect: { timeout: deps.timeoutMs, noDelay: true, keepAlive: true },
      headersTimeout: deps.timeoutMs,
    });
    this.#connect();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#retryTimer);
    this.#socket?.destroy();
    this.#client.destroy(null, () => undefined);
  }

  #connect(): void {
    const { token } = this.#deps;
    this.#client.upgrade(
      { path: FRAME_PATH, protocol: FRAME_PROTOCOL, headers: { authorization: `Bearer ${token}` } },
      (error, data) => {
        if (error !== null) this.#retry(error);
        else if (this.#closed) data.socket.destroy();
        else this.#adopt(data.socket);
      },
    );
  }

  #adopt(socket: Duplex): void {
    this.#socket = socket;
    // A worker that takes connections only to drop them must not be asked again at once, for ever.
    socket.once('data', () => {
      this.#backoffMs = FIRST_BACKOFF_MS;
      this.#trouble.over('a worker takes frame connections again');
    });
    let failure: Error | undefined;
    socket.on('error', (error) => {
      failure = error;
    });
    socket.on('end', () => socket.destroy());
    socket.on('close', () => {
      this.#socket = undefined;
      this.#deps.onDisconnect();
      this.#retry(failure);
    });
    const { maxFrameBytes, onConnect, onFrame } = this.#deps;
    const reader = new FrameReader(maxFrameBytes);
    socket.on('data', (chunk: Buffer) => {
      try {
        reader.push(chunk, onFrame);
      } catch (error) {
        socket.destroy(error as Error);
      }
    });
    onConnect(socket);
  }

  #retry(error: Error | undefined): void {
    if (this.#closed) return;
    const pauseMs = this.#backoffMs * (0.5 + this.#deps.random() / 2);
    const { address, logger } = this.#deps;
    logger.info({ err: error, address, pauseMs: Math.round(pauseMs) }, 'no frame connection to a worker');
    // One that starts anew is mostly back before that.
    if (this.#backoffMs === MAX_BACKOFF_MS)
      this.#trouble.tell(`no frame connection to the worker at ${address}`, explained(error));
    this.#backoffMs = Math.min(MAX_BACKOFF_MS, this.#backoffMs * 2);
    this.#retryTimer = setTimeout(() => this.#connect(), pauseMs);
    this.#retryTimer.unref();
  }
}

/** What undici says of any answer but the one that was asked for. */
const REFUSED = 'bad upgrade';

function explained(error: Error | undefined): Error {
  if (error === undefined) return new Error('it closes every one at once');
  return error.message === REFUSED
    ? new Error('it refuses them: look at its SHOAL_TOKEN, and at its version of Shoal', { cause: error })
    : error;
}
