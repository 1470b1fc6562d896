import { Agent, request } from 'undici';
import { isErrorCode, ShoalError } from '../core/errors.ts';
import type { Member } from '../stores/members/members.ts';
import type { WarmAnswer, WarmRequest, WorkerState } from '../wire/control.ts';

/** The control plane of workers, with every call bounded in time. */
export class WorkerControl {
  readonly #token: string;
  readonly #agent = new Agent({ allowH2: false, connections: 4, keepAliveTimeout: 10_000 });

  constructor(token: string) {
    this.#token = token;
  }

  /** `model` (tenant/model): whose resident keys to tell. */
  async state(member: Member, timeoutMs: number, model?: string): Promise<WorkerState> {
    const path = model === undefined ? '/state' : `/state?${new URLSearchParams({ model }).toString()}`;
    return (await this.#call(member, 'GET', path, undefined, timeoutMs)) as WorkerState;
  }

  async warm(member: Member, warm: WarmRequest, timeoutMs: number): Promise<WarmAnswer> {
    return (await this.#call(member, 'POST', '/warm', warm, timeoutMs)) as WarmAnswer;
  }

  async close(): Promise<void> {
    await this.#agent.destroy();
  }

  async #call(
    member: Member,
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    timeoutMs: number,
  ): Promise<unknown> {
    const { statusCode, answer } = await this.#exchange(member, method, path, body, timeoutMs);
    if (statusCode === 200) return answer;
    const { code, message } = (answer as { error?: { code?: string; message?: string } } | null)?.error ?? {};
    if (code !== undefined && isErrorCode(code)) {
      throw new ShoalError(code, `worker ${member.id}: ${message ?? code}`);
    }
    throw new ShoalError('NO_WORKER', `worker ${member.id} answered ${method} ${path} with ${statusCode}`);
  }

  async #exchange(
    member: Member,
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    timeoutMs: number,
  ): Promise<{ statusCode: number; answer: unknown }> {
    try {
      const response = await request(`${member.address}${path}`, {
        method,
        dispatcher: this.#agent,
        signal: AbortSignal.timeout(timeoutMs),
        headers: {
          authorization: `Bearer ${this.#token}`,
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        },
        body: body === undefined ? null : JSON.stringify(body),
      });
      return { statusCode: response.statusCode, answer: await response.body.json() };
    } catch (cause) {
      const { message, name } = cause as Error;
      if (name === 'TimeoutError') {
        const took = `worker ${member.id} took more than ${timeoutMs} ms for ${method} ${path}`;
        throw new ShoalError('DEADLINE_EXCEEDED', took, { cause });
      }
      throw new ShoalError('NO_WORKER', `worker ${member.id} can't be asked ${method} ${path}: ${message}`, {
        cause,
      });
    }
  }
}
