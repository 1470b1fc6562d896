import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Logger } from 'pino';
import type { Registry } from 'prom-client';
import { errorBody, ShoalError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import { BearerToken } from '../wire/bearer.ts';
import type { WarmRequest, WorkerState } from '../wire/control.ts';
import { FRAME_PATH, FRAME_PROTOCOL, maxFrameBytes } from '../wire/frames.ts';
import { parseModelKey } from '../wire/model-key.ts';
import { FrameConnection } from './frame-connection.ts';
import type { Host } from './host.ts';
import type { HeldModels } from './lane/held.ts';

const MAX_CONTROL_BODY_BYTES = 64 * 1024;
/** Pins are renewed by whoever wants them; one that is forgotten about must not last. */
const MAX_PIN_MS = 24 * 3_600_000;

export interface WorkerServerOptions {
  readonly host: Host;
  readonly held: HeldModels;
  readonly limits: Limits;
  readonly token: string;
  readonly registry: Registry;
  readonly logger: Logger;
  readonly state: (model: string | undefined) => WorkerState;
}

/** A worker's one port: frames by upgrade, the control plane (wire/control.ts) as plain HTTP. */
export class WorkerServer {
  readonly #options: WorkerServerOptions;
  readonly #bearer: BearerToken;
  readonly #server: Server;
  readonly #connections = new Set<FrameConnection>();

  constructor(options: WorkerServerOptions) {
    this.#options = options;
    this.#bearer = new BearerToken(options.token);
    this.#server = createServer({ maxHeaderSize: options.limits.headerBytes }, (request, response) => {
      void this.#control(request, response);
    });
    this.#server.requestTimeout = options.limits.bodyTimeoutMs;
    this.#server.on('upgrade', (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** Resolves to `http://host:port`. */
  listen(host: string, port: number): Promise<string> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(port, host, () => {
        this.#server.off('error', reject);
        const { address, family, port } = this.#server.address() as AddressInfo;
        resolve(`http://${family === 'IPv6' ? `[${address}]` : address}:${port}`);
      });
    });
  }

  /** Lets what is written reach the routers, then closes every connection. */
  close(): Promise<void> {
    for (const connection of this.#connections) connection.end();
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    return closed;
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on('error', () => socket.destroy());
    if (!this.#bearer.accepts(request.headers.authorization))
      return refuseUpgrade(socket, '401 Unauthorized');
    if (request.url !== FRAME_PATH) return refuseUpgrade(socket, '404 Not Found');
    if (request.headers.upgrade !== FRAME_PROTOCOL)
      return refuseUpgrade(socket, `426 Upgrade Required\r\nupgrade: ${FRAME_PROTOCOL}`);
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${FRAME_PROTOCOL}\r\n\r\n`,
    );
    const { host, held, limits, logger } = this.#options;
    const connection = new FrameConnection({
      socket,
      head,
      host,
      held,
      maxFrameBytes: maxFrameBytes(limits),
      onError: (error) => logger.warn({ err: error }, 'frame connection dropped'),
    });
    this.#connections.add(connection);
    socket.on('close', () => this.#connections.delete(connection));
  }

  async #control(request: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      if (!this.#bearer.accepts(request.headers.authorization))
        throw new ShoalError('UNAUTHENTICATED', 'the bearer token is missing or wrong');
      send(response, 200, await this.#answer(request));
    } catch (error) {
      if (error instanceof ShoalError) send(response, error.status, { error: errorBody(error) });
      else {
        this.#options.logger.error({ err: error }, 'control call failed');
        const internal = new ShoalError('INTERNAL', 'internal error in a worker');
        send(response, 500, { error: errorBody(internal) });
      }
    }
  }

  async #answer(request: IncomingMessage): Promise<unknown> {
    const { host, registry, state } = this.#options;
    const url = new URL(request.url ?? '/', 'http://worker');
    const route = `${request.method} ${url.pathname}`;
    if (route === 'GET /state') return state(url.searchParams.get('model') ?? undefined);
    if (route === 'GET /metrics') return registry.getMetricsAsJSON();
    if (route === 'POST /warm') return host.warm(checkWarm(await readJson(request)));
    throw new ShoalError('ROUTE_NOT_FOUND', `a worker has no ${route}`);
  }
}

function refuseUpgrade(socket: Duplex, status: string): void {
  socket.end(`HTTP/1.1 ${status}\r\nconnection: close\r\ncontent-length: 0\r\n\r\n`);
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    bytes += chunk.length;
    if (bytes > MAX_CONTROL_BODY_BYTES)
      throw new ShoalError('TOO_LARGE', `a control call's body may have ${MAX_CONTROL_BODY_BYTES} bytes`);
    chunks.push(chunk);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString());
  } catch (cause) {
    throw new ShoalError('INVALID_JSON', `the body is no JSON: ${(cause as Error).message}`, { cause });
  }
}

function checkWarm(body: unknown): WarmRequest {
  const { key, residentBytes, ifResident, ifSpare, pinMs } = (body ?? {}) as Partial<
    Record<keyof WarmRequest, unknown>
  >;
  if (typeof key !== 'string' || parseModelKey(key) === undefined)
    throw new ShoalError('INVALID_REQUEST', 'key must be tenant/model/version@digest');
  if (typeof residentBytes !== 'number' || !(residentBytes >= 0))
    throw new ShoalError('INVALID_REQUEST', 'residentBytes must be a number from 0');
  if (ifResident !== undefined && typeof ifResident !== 'string')
    throw new ShoalError('INVALID_REQUEST', 'ifResident must be a model key');
  if (ifSpare !== undefined && typeof ifSpare !== 'boolean')
    throw new ShoalError('INVALID_REQUEST', 'ifSpare must be true or false');
  if (pinMs !== undefined && !(typeof pinMs === 'number' && pinMs > 0 && pinMs <= MAX_PIN_MS))
    throw new ShoalError('INVALID_REQUEST', `pinMs must be a number above 0, at most ${MAX_PIN_MS}`);
  return {
    key,
    residentBytes,
    ...(ifResident === undefined ? {} : { ifResident }),
    ...(ifSpare === undefined ? {} : { ifSpare }),
    ...(pinMs === undefined ? {} : { pinMs }),
  };
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const text = JSON.stringify(body);
  response.writeHead(status, {
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    // A body that was refused half-read must not be taken for the next call.
    ...(status === 413 ? { connection: 'close' } : {}),
  });
  response.end(text);
}
