import { Client, type Dispatcher } from 'undici';
import { CliError, EXIT } from './exit.ts';

const ANSWER_TIMEOUT_MS = 90_000;

export interface Answer<T> {
  readonly body: T;
  readonly headers: Record<string, string | string[] | undefined>;
}

/** Calls a running Shoal; every error becomes a CliError that says what the server said. */
export class ShoalClient {
  readonly origin: string;
  readonly #client: Client;

  constructor(server: string) {
    this.origin = parseOrigin(server);
    this.#client = new Client(this.origin, {
      headersTimeout: ANSWER_TIMEOUT_MS,
      bodyTimeout: ANSWER_TIMEOUT_MS,
    });
  }

  async get<T>(path: string): Promise<Answer<T>> {
    return this.send<T>('GET', path);
  }

  async send<T>(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: string,
    headers: Record<string, string> = {},
  ): Promise<Answer<T>> {
    const answer = await this.stream(method, path, body, headers);
    const text = await answer.body.text();
    return { body: JSON.parse(text) as T, headers: answer.headers };
  }

  /** All items of a paged list, page after page. */
  async *list<T>(path: string, field: string): AsyncGenerator<T> {
    let pageToken = '';
    do {
      const { body } = await this.get<Record<string, unknown>>(`${path}?pageSize=1000${pageToken}`);
      yield* body[field] as T[];
      const next = body['nextPageToken'];
      pageToken = typeof next === 'string' && next !== '' ? `&pageToken=${encodeURIComponent(next)}` : '';
    } while (pageToken !== '');
  }

  /** Throws CliError when the answer isn't a 2xx; else its body is still to be read. */
  async stream(
    method: Dispatcher.HttpMethod,
    path: string,
    body?: Dispatcher.DispatchOptions['body'],
    headers: Record<string, string> = {},
  ): Promise<Dispatcher.ResponseData> {
    const type: Record<string, string> =
      typeof body === 'string' ? { 'content-type': 'application/json' } : {};
    const answer = await this.#client
      .request({ method, path, headers: { ...type, ...headers }, ...(body === undefined ? {} : { body }) })
      .catch((error: Error) => {
        throw new CliError(`can't reach Shoal at ${this.origin}: ${error.message}`, EXIT.unreachable, error);
      });
    if (answer.statusCode >= 300) throw await refusal(answer);
    return answer;
  }

  async close(): Promise<void> {
    await this.#client.destroy();
  }
}

function parseOrigin(server: string): string {
  try {
    const url = new URL(server);
    if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new Error('not http');
    return url.origin;
  } catch (error) {
    throw new CliError(
      `--server takes a URL like http://127.0.0.1:8080, got ${JSON.stringify(server)}`,
      EXIT.usage,
      error,
    );
  }
}

async function refusal(answer: Dispatcher.ResponseData): Promise<CliError> {
  const text = await answer.body.text();
  try {
    const { error } = JSON.parse(text) as {
      error: { code: string; message: string; details?: { path: string; message: string }[] };
    };
    const details = (error.details ?? []).map((detail) => `\n  ${detail.path}: ${detail.message}`).join('');
    return new CliError(`${error.code}: ${error.message}${details}`);
  } catch {
    return new CliError(`the server answered ${answer.statusCode}: ${text.slice(0, 200)}`);
  }
}
