import { openAsBlob } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { FormData } from 'undici';
import type { ShoalClient } from '../client.ts';
import { CliError, EXIT } from '../exit.ts';
import type { PushItem } from './source.ts';

/** One line's outcome, as the server answered it. */
export interface PushAnswer {
  readonly from: string;
  readonly status: 'registered' | 'unchanged' | 'rejected';
  readonly error?: { readonly code: string; readonly message: string };
}

const MAX_ATTEMPTS_WITHOUT_PROGRESS = 6;

/**
 * Streams items into bulk registration while reading its answers. When the connection breaks, what wasn't
 * answered is sent again on a new one; registration is idempotent, so an answer that was lost does no harm.
 */
export async function pushItems(
  client: ShoalClient,
  items: AsyncGenerator<PushItem>,
  options: { dryRun: boolean; onAnswer: (answer: PushAnswer) => void },
): Promise<void> {
  const session = new PushSession(client, items, options);
  for (let attempt = 1; ; attempt++) {
    const before = session.answered;
    try {
      await session.connectOnce();
      return;
    } catch (error) {
      if (!(error instanceof CliError) || error.exitCode !== EXIT.unreachable) throw error;
      if (session.answered > before) attempt = 1;
      if (attempt >= MAX_ATTEMPTS_WITHOUT_PROGRESS) throw error;
      await wait(Math.min(5_000, 100 * 2 ** attempt) * (0.5 + Math.random() / 2));
    }
  }
}

class PushSession {
  answered = 0;
  readonly #client: ShoalClient;
  readonly #items: AsyncGenerator<PushItem>;
  readonly #options: { dryRun: boolean; onAnswer: (answer: PushAnswer) => void };
  readonly #definitions: PushItem[] = [];
  #unanswered = new Map<number, PushItem>();

  constructor(
    client: ShoalClient,
    items: AsyncGenerator<PushItem>,
    options: { dryRun: boolean; onAnswer: (answer: PushAnswer) => void },
  ) {
    this.#client = client;
    this.#items = items;
    this.#options = options;
  }

  async connectOnce(): Promise<void> {
    const again = [...this.#definitions, ...this.#unanswered.values()];
    this.#unanswered = new Map();
    let failure: unknown;
    const body = this.#lines(again, (error) => {
      failure = error;
    });
    let finished = false;
    try {
      const path = `/v1/models:bulkRegister${this.#options.dryRun ? '?dryRun=true' : ''}`;
      const answer = await this.#client.stream('POST', path, Readable.from(body), {
        'content-type': 'application/x-ndjson',
      });
      for await (const line of createInterface({ input: answer.body }))
        finished = this.#take(line) || finished;
    } catch (error) {
      if (failure !== undefined) throw failure;
      if (error instanceof CliError) throw error;
      throw new CliError(`the connection broke: ${(error as Error).message}`, EXIT.unreachable, error);
    }
    if (failure !== undefined) throw failure;
    if (!finished) throw new CliError('the connection ended before the summary', EXIT.unreachable);
  }

  /** The request's body. An error of ours (an unreadable file) must reach the caller and not look like a broken connection. */
  async *#lines(again: readonly PushItem[], onFailure: (error: unknown) => void): AsyncGenerator<string> {
    let number = 0;
    try {
      for (const item of again) {
        this.#unanswered.set(++number, item);
        yield `${await item.load()}\n`;
      }
      // Not for-await: leaving that loop would close the source, which the next connection goes on reading.
      for (let next = await this.#items.next(); !next.done; next = await this.#items.next()) {
        const item = next.value;
        if (item.large !== undefined) {
          await this.#sendLarge(item, item.large);
          continue;
        }
        if (item.define) this.#definitions.push(item);
        this.#unanswered.set(++number, item);
        yield `${await item.load()}\n`;
      }
    } catch (error) {
      onFailure(error);
      throw error;
    }
  }

  #take(line: string): boolean {
    const answer = JSON.parse(line) as {
      line?: number;
      summary?: unknown;
      status?: PushAnswer['status'];
      error?: PushAnswer['error'];
    };
    if (answer.summary !== undefined) return true;
    const item = this.#unanswered.get(answer.line ?? 0);
    if (item === undefined || answer.status === undefined) return false;
    this.#unanswered.delete(answer.line ?? 0);
    this.#report(item, {
      status: answer.status,
      ...(answer.error === undefined ? {} : { error: answer.error }),
    });
    return false;
  }

  async #sendLarge(item: PushItem, large: NonNullable<PushItem['large']>): Promise<void> {
    const form = new FormData();
    if (large.config !== undefined)
      form.set('config', await openAsBlob(large.config, { type: 'application/json' }));
    form.set(
      'artifact',
      await openAsBlob(large.artifact, { type: 'application/octet-stream' }),
      'artifact.onnx',
    );
    try {
      const answer = await this.#client.stream('PUT', large.url, form);
      const { status } = (await answer.body.json()) as { status: 'registered' | 'unchanged' };
      this.#report(item, { status });
    } catch (error) {
      if (!(error instanceof CliError) || error.exitCode !== EXIT.refused) throw error;
      const [code = 'INTERNAL', ...message] = error.message.split(': ');
      this.#report(item, { status: 'rejected', error: { code, message: message.join(': ') } });
    }
  }

  #report(item: PushItem, outcome: Omit<PushAnswer, 'from'>): void {
    this.answered++;
    this.#options.onAnswer({ from: item.from, ...outcome });
  }
}
