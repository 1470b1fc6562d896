import { Agent, request } from 'undici';
import { isErrorCode, ShoalError } from '../core/errors.ts';
import type { Member } from '../stores/members/members.ts';
import type { WarmAnswer, WarmRequest, WorkerState } from '../wire/control.ts';

type AgentName = 'brief' | 'ahead';

/** The control plane of workers, with every call bounded in time. */
export class WorkerControl {
  readonly #token: string;
  readonly #agents: Readonly<Record<AgentName, Agent>> = {
    brief: newAgent(),
    /** Loads that nobody waits for may take long, and must not keep the rest waiting. */
    ahead: newAgent(),
  };

  constructor(token: string) {
    this.#token = token;
  }

  /** `model` (tenant/model): whose resident keys to tell. */
  async state(member: Member, timeoutMs: number, model?: string): Promise<WorkerState> {
    const path = model === undefined ? '/state' : `/state?${new URLSearchParams({ model }).toString()}`;
    return (await this.#call(member, 'GET', path, undefined, timeoutMs)) as WorkerState;
  }

  /** A load that a promotion waits for. */
  async warm(member: Member, warm: WarmRequest, timeoutMs: number): Promise<WarmAnswer> {
    return (await this.#call(member, 'POST', '/warm', warm, timeoutMs)) as WarmAnswer;
  }

  /** A load that nobody waits for. */
  async warmAhead(member: Member, warm: WarmRequest, timeoutMs: number): Promise<WarmAnswer> {
    return (await this.#call(member, 'POST', '/warm', warm, timeoutMs, 'ahead')) as WarmAnswer;
  }

  async close(): Promise<void> {
    await Promise.all(Object.values(this.#agents).map((agent) => agent.destroy()));
  }

  async #call(
    member: Member,
    method: 'GET' | 'POST',
    path: string,
    body: unknown,
    timeoutMs: number,
    agent: AgentName = 'brief',
  ): Promise<unknown> {
    const { statusCode, answer } = await this.#exchange(member, method, path, body, timeoutMs, agent);
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
    agent: AgentName,
  ): Promise<{ statusCode: number; answer: unknown }> {
    try {
      const response = await request(`${member.address}${path}`, {
        method,
        dispatcher: this.#agents[agent],
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

function newAgent(): Agent {
  return new Agent({ allowH2: false, connections: 4, keepAliveTimeout: 10_000 });
}
