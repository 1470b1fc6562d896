import { setTimeout as sleep } from 'node:timers/promises';
import type { FastifyReply, FastifyRequest } from 'fastify';

export function isChange({ method }: Pick<FastifyRequest, 'method'>): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

/** The changes that a leading manager has under way, so that it can finish them before it gives the lead back. */
export class Changes {
  #underWay = 0;
  #none = Promise.withResolvers<void>();

  /** An onRequest hook, behind the one that passes requests on. */
  readonly hook = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    if (!isChange(request)) return;
    this.#underWay++;
    reply.raw.once('close', () => {
      this.#underWay--;
      if (this.#underWay > 0) return;
      this.#none.resolve();
      this.#none = Promise.withResolvers();
    });
  };

  /** Resolves when none is under way, or after so long. */
  async settled(maxMs: number): Promise<void> {
    if (this.#underWay === 0) return;
    const late = new AbortController();
    await Promise.race([this.#none.promise, sleep(maxMs, undefined, { signal: late.signal })]);
    late.abort();
  }
}
