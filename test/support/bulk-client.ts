import { once } from 'node:events';
import http from 'node:http';
import { createInterface } from 'node:readline';
import type { BulkAnswer, ManagerApp } from './manager-app.ts';

/** A bulk exchange by hand: lines are sent and answers are read when the test says so. */
export class BulkClient {
  readonly #request: http.ClientRequest;
  readonly #response: Promise<http.IncomingMessage>;
  #answers: AsyncIterator<string> | undefined;

  constructor(app: Pick<ManagerApp, 'origin'>, headers: Record<string, string> = {}, query = '') {
    this.#request = http.request(`${app.origin}/v1/models:bulkRegister${query}`, {
      method: 'POST',
      headers: { 'content-type': 'application/x-ndjson', ...headers },
    });
    this.#response = once(this.#request, 'response').then(([response]) => response as http.IncomingMessage);
    this.#response.catch(() => undefined);
    this.#request.on('error', () => undefined);
  }

  /** False when the connection takes no more for now. */
  send(line: object | string | Uint8Array): boolean {
    if (line instanceof Uint8Array) return this.#request.write(line);
    return this.#request.write(`${typeof line === 'string' ? line : JSON.stringify(line)}\n`);
  }

  /** Resolves false when the connection broke instead. */
  async drained(): Promise<boolean> {
    return once(this.#request, 'drain').then(
      () => true,
      () => false,
    );
  }

  end(): void {
    this.#request.end();
  }

  kill(): void {
    this.#request.destroy();
  }

  response(): Promise<http.IncomingMessage> {
    return this.#response;
  }

  /** Undefined at the end. */
  async answer(): Promise<BulkAnswer | undefined> {
    this.#answers ??= createInterface({ input: await this.#response })[Symbol.asyncIterator]();
    const next = await this.#answers.next();
    return next.done === true ? undefined : (JSON.parse(next.value) as BulkAnswer);
  }

  /** All that come until the summary, which is the last. */
  async rest(): Promise<BulkAnswer[]> {
    const answers: BulkAnswer[] = [];
    for (let next = await this.answer(); next !== undefined; next = await this.answer()) answers.push(next);
    return answers;
  }
}
