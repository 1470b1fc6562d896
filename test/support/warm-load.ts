import { setTimeout as sleep } from 'node:timers/promises';
import type { Calls, Reply } from '../chaos/calls.ts';
import type { Entry } from '../chaos/world.ts';

const ASK_EVERY_MS = 20;

/** Asks every router that is in for the same predictions again and again, and keeps what was not a good answer. */
export class WarmLoad {
  readonly failures: string[] = [];
  answers = 0;
  readonly #stop = { isOver: false };
  readonly #asking: Promise<unknown>;

  /** `isRight`: whether a path was answered as it must be. */
  constructor(
    routers: readonly Entry[],
    paths: readonly string[],
    isRight: (path: string, reply: Reply) => boolean,
  ) {
    this.#asking = Promise.all(routers.map((router) => this.#askOn(router, paths, isRight)));
  }

  /** Resolves when all that was sent is answered. */
  async stop(): Promise<void> {
    this.#stop.isOver = true;
    await this.#asking;
  }

  async #askOn(
    router: Entry,
    paths: readonly string[],
    isRight: (path: string, reply: Reply) => boolean,
  ): Promise<void> {
    const underWay = new Set<Promise<void>>();
    for (let sent = 0; !this.#stop.isOver; sent++) {
      const path = paths[sent % paths.length] as string;
      if (router.isIn) {
        const asked = this.#ask(router, path, isRight).finally(() => underWay.delete(asked));
        underWay.add(asked);
      }
      await sleep(ASK_EVERY_MS);
    }
    await Promise.all(underWay);
  }

  async #ask({ calls, process }: Entry, path: string, isRight: (path: string, reply: Reply) => boolean) {
    const reply = await predict(calls, path);
    if (reply.status === 200 && isRight(path, reply)) this.answers++;
    else this.failures.push(`${process.name} ${path}: ${reply.status} ${reply.code} ${reply.text}`);
  }
}

export function predict(calls: Calls, model: string): Promise<Reply> {
  return calls.send('POST', `${model}:predict`, '{"instances":[{"x":1}]}');
}
