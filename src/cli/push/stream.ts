import { openAsBlob } from 'node:fs';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { setTimeout as wait } from 'node:timers/promises';
import { FormData } from 'undici';
import type { ShoalClient } from '../client.ts';
import { CliError, EXIT } from '../exit.ts';
import type { Definition, PushItem } from './source.ts';

/** One line's outcome, as the server answered it. */
export interface PushAnswer {
  readonly from: string;
  readonly status: 'registered' | 'unchanged' | 'rejected';
  readonly error?: { readonly code: string; readonly message: string };
}

export interface PushStreamOptions {
  readonly dryRun: boolean;
  readonly onAnswer: (answer: PushAnswer) => void;
}

const MAX_ATTEMPTS_WITHOUT_PROGRESS = 6;

/**
 * Streams items into bulk registration while reading its answers. When the connection breaks, what wasn't
 * answered is sent again on a new one; registration is idempotent, so an answer that was lost does no harm.
 */
export async function pushItems(
  client: ShoalClient,
  items: AsyncGenerator<PushItem>,
  options: PushStreamOptions,
): Promise<void> {
  const session = new PushSession(client, items, options);
  await withRetries(session, () => session.streamOnce());
  await withRetries(session, () => session.sendLarge());
}

async function withRetries(session: PushSession, work: () => Promise<void>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const before = session.answered;
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof CliError) || error.exitCode !== EXIT.unreachable) throw error;
      if (session.answered > before) attempt = 1;
      if (attempt >= MAX_ATTEMPTS_WITHOUT_PROGRESS) throw error;
      await wait(Math.min(5_000, 100 * 2 ** attempt) * (0.5 + Math.random() / 2));
    }
  }
}

/** How the writing of one connection's body goes. */
class Writing {
  begun = false;
  failure: unknown;
  readonly #ended = Promise.withResolvers<void>();
  readonly ended = this.#ended.promise;

  end(): void {
    this.#ended.resolve();
  }
}

const NOT_IN_A_DRY_RUN = {
  code: 'TOO_LARGE',
  message: 'too large for a bulk line, so a dry run cannot check it',
};

class PushSession {
  answered = 0;
  readonly #client: ShoalClient;
  readonly #items: AsyncGenerator<PushItem>;
  readonly #options: PushStreamOptions;
  /** Too large for a line: sent one by one, after the stream, which has the connection till then. */
  readonly #large: PushItem[] = [];
  /** Sent on an earlier connection and never answered. */
  #again: PushItem[] = [];
  #unanswered = new Map<number, PushItem>();
  /** Lines of this connection that define a config; they are answered only when they are wrong. */
  #definitions = new Map<number, Definition>();

  constructor(client: ShoalClient, items: AsyncGenerator<PushItem>, options: PushStreamOptions) {
    this.#client = client;
    this.#items = items;
    this.#options = options;
  }

  async streamOnce(): Promise<void> {
    this.#again = [...this.#unanswered.values(), ...this.#again];
    this.#unanswered = new Map();
    this.#definitions = new Map();
    const writing = new Writing();
    const body = Readable.from(this.#lines(writing));
    let finished = false;
    try {
      const path = `/v1/models:bulkRegister${this.#options.dryRun ? '?dryRun=true' : ''}`;
      const answer = await this.#client.stream('POST', path, body, {
        'content-type': 'application/x-ndjson',
      });
      for await (const line of createInterface({ input: answer.body }))
        finished = this.#take(line) || finished;
    } catch (error) {
      if (writing.failure !== undefined) throw writing.failure;
      if (error instanceof CliError) throw error;
      throw new CliError(`the connection broke: ${(error as Error).message}`, EXIT.unreachable, error);
    } finally {
      // The item that it is reading belongs to this connection's account, or it would be forgotten.
      body.destroy();
      if (writing.begun) await writing.ended;
    }
    if (writing.failure !== undefined) throw writing.failure;
    if (!finished) throw new CliError('the connection ended before the summary', EXIT.unreachable);
  }

  async sendLarge(): Promise<void> {
    for (let item = this.#large[0]; item !== undefined; item = this.#large[0]) {
      await this.#sendOne(item, item.large as NonNullable<PushItem['large']>);
      this.#large.shift();
    }
  }

  /** The request's body. An error of ours (an unreadable file) must not look like a broken connection: it is put aside. */
  async *#lines(writing: Writing): AsyncGenerator<string> {
    writing.begun = true;
    const defined = new Map<string, Definition>();
    let number = 0;
    try {
      for await (const item of this.#remaining()) {
        const { definition } = item;
        if (definition !== undefined && defined.get(definition.name) !== definition) {
          defined.set(definition.name, definition);
          this.#definitions.set(++number, definition);
          yield `${definition.text}\n`;
        }
        this.#unanswered.set(++number, item);
        yield `${await item.load()}\n`;
      }
    } catch (error) {
      writing.failure = error;
      throw error;
    } finally {
      writing.end();
    }
  }

  async *#remaining(): AsyncGenerator<PushItem> {
    for (let item = this.#again.shift(); item !== undefined; item = this.#again.shift()) yield item;
    // Not for-await: leaving that loop would close the source, which the next connection goes on reading.
    for (let next = await this.#items.next(); !next.done; next = await this.#items.next()) {
      if (next.value.large === undefined) yield next.value;
      else this.#large.push(next.value);
    }
  }

  #take(line: string): boolean {
    const answer = JSON.parse(line) as Partial<PushAnswer> & { line?: number; summary?: unknown };
    if (answer.summary !== undefined) return true;
    const number = answer.line ?? 0;
    const item = this.#unanswered.get(number) ?? this.#definitions.get(number);
    if (item === undefined || answer.status === undefined) return false;
    this.#unanswered.delete(number);
    const { status, error } = answer;
    this.#report(item, { status, ...(error === undefined ? {} : { error }) });
    return false;
  }

  async #sendOne(item: PushItem, large: NonNullable<PushItem['large']>): Promise<void> {
    if (this.#options.dryRun) return this.#report(item, { status: 'rejected', error: NOT_IN_A_DRY_RUN });
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

  #report(item: { readonly from: string }, outcome: Omit<PushAnswer, 'from'>): void {
    this.answered++;
    this.#options.onAnswer({ from: item.from, ...outcome });
  }
}
