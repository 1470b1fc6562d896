import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { S3_BUCKET, type S3Server } from './s3-server.ts';
import type { S3Settings } from '../../src/wire/store-settings.ts';

/** Stands between a worker and an S3 server: notes what is asked for, and lets only so much of an answer through. */
export class S3Front {
  /** Of all GETs, without the bucket. */
  readonly gets: string[] = [];
  /** Of each connection, from the server; what is beyond is cut off with the connection. */
  passedBytes = Number.POSITIVE_INFINITY;
  readonly #behind: S3Server;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(behind: S3Server) {
    this.#behind = behind;
    this.#server = createServer((socket) => this.#join(socket));
  }

  static async start(behind: S3Server): Promise<S3Front> {
    const front = new S3Front(behind);
    front.#server.listen(0, '127.0.0.1');
    await once(front.#server, 'listening');
    return front;
  }

  settings(prefix: string): S3Settings {
    const { port } = this.#server.address() as AddressInfo;
    return { ...this.#behind.settings(prefix), endpoint: `http://127.0.0.1:${port}` };
  }

  /** How often an object below `part/` was asked for. */
  getsOf(part: string): number {
    return this.gets.filter((key) => key.includes(`/${part}/`)).length;
  }

  /** Connections that stay idle are gone too, so that the next calls meet what is now. */
  hangUp(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async close(): Promise<void> {
    this.hangUp();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #join(near: Socket): void {
    const far = connect(this.#behind.port, '127.0.0.1');
    let passed = 0;
    this.#bind(near, far);
    near.on('data', (chunk: Buffer) => {
      for (const [, path] of chunk.toString('latin1').matchAll(/^GET (\/[^ ?]*)/gm))
        this.gets.push((path as string).slice(`/${S3_BUCKET}`.length));
      far.write(chunk);
    });
    far.on('data', (chunk: Buffer) => {
      near.write(chunk.subarray(0, Math.max(0, this.passedBytes - passed)));
      passed += chunk.byteLength;
      if (passed > this.passedBytes) near.end();
    });
  }

  #bind(near: Socket, far: Socket): void {
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
  }
}
