import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Blackhole {
  /** `http://host:port` in front of the target. */
  readonly address: string;
  /** From now on what comes from either side vanishes, and nobody is told; new connections too. */
  cut(): void;
  /** New connections get through again; those from before stay dead. */
  heal(): void;
  close(): Promise<void>;
}

/** A TCP proxy that can behave as a network does whose packets are lost. */
export async function startBlackhole(target: string): Promise<Blackhole> {
  const { hostname, port } = new URL(target);
  const sockets = new Set<Socket>();
  let isCut = false;
  const keep = (socket: Socket): void => {
    sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => sockets.delete(socket));
  };
  const server = createServer({ noDelay: true }, (near) => {
    keep(near);
    // Read, so that the sender's kernel takes what is sent, and thrown away.
    if (isCut) {
      near.resume();
      return;
    }
    let isDead = false;
    const far = connect({ host: hostname, port: Number(port), noDelay: true });
    keep(far);
    for (const [from, to] of [
      [near, far],
      [far, near],
    ] as const) {
      from.on('data', (chunk) => void (isDead || to.write(chunk)));
      from.on('close', () => void (isDead || to.destroy()));
    }
    cuts.add(() => {
      isDead = true;
    });
  });
  const cuts = new Set<() => void>();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    cut() {
      isCut = true;
      for (const die of cuts) die();
      cuts.clear();
    },
    heal() {
      isCut = false;
    },
    async close() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
