import { Pool } from 'undici';

export interface Reply {
  /** 0: no answer came, for a reason that the process that was asked explains: it was not there, or went away. */
  readonly status: number;
  readonly code: string;
  readonly text: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
}

/** Above the longest that any call may take. */
const MAX_MS = 90_000;

/** What may be heard while something is broken; it says that trying again may help, and when. */
const HONEST: ReadonlySet<number> = new Set([429, 503, 504]);

/** A client of one process, like one behind a load balancer: it sends nothing twice by itself. */
export class Calls {
  readonly origin: string;
  readonly #pool: Pool;

  constructor(origin: string) {
    this.origin = origin;
    this.#pool = new Pool(origin, {
      connections: 64,
      headersTimeout: MAX_MS,
      bodyTimeout: MAX_MS,
      connectTimeout: 5_000,
    });
  }

  async send(
    method: 'GET' | 'PUT' | 'POST' | 'DELETE',
    path: string,
    body?: string | Uint8Array,
    contentType = 'application/json',
  ): Promise<Reply> {
    const headers = body === undefined ? {} : { 'content-type': contentType };
    try {
      const answer = await this.#pool.request({ method, path, headers, body: body ?? null });
      const text = await answer.body.text();
      const code = answer.headers['x-shoal-error'];
      return {
        status: answer.statusCode,
        code: typeof code === 'string' ? code : '',
        text,
        headers: answer.headers,
      };
    } catch (error) {
      const { code = '', message } = error as { code?: string; message: string };
      // That it takes for ever is nothing that a process which went away explains.
      if (code === 'UND_ERR_HEADERS_TIMEOUT' || code === 'UND_ERR_BODY_TIMEOUT')
        return { status: 599, code, text: `no answer within ${MAX_MS} ms`, headers: {} };
      return { status: 0, code: code === '' ? 'LOST' : code, text: message, headers: {} };
    }
  }

  close(): Promise<void> {
    return this.#pool.destroy();
  }
}

/** Whether a failure is one that a caller can understand and try again. */
export function isHonest({ status, code, headers }: Reply): boolean {
  if (status === 0) return true;
  if (!HONEST.has(status) || code === '') return false;
  return status === 504 || headers['retry-after'] !== undefined;
}
