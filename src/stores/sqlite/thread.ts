import { Piscina } from 'piscina';
import { ShoalError } from '../../core/errors.ts';
import { errorOf, type Failure, failureOf } from './failure.ts';

export interface ThreadCall {
  readonly operation: string;
  readonly args: readonly unknown[];
}

/** Errors travel as data, since a class and its fields don't survive the thread. */
export type ThreadAnswer =
  | { readonly ok: true; readonly value: unknown }
  | ({ readonly ok: false } & Failure);

/** In the thread: does a call's action and makes an answer of it. */
export function answerOf(store: string, action: () => unknown): ThreadAnswer {
  try {
    return { ok: true, value: action() };
  } catch (error) {
    return { ok: false, ...failureOf(store, error) };
  }
}

export interface ThreadOptions {
  /** For messages. */
  readonly store: string;
  /** The module that runs calls there. */
  readonly program: URL;
  readonly workerData: unknown;
  /** Calls that may wait for it. */
  readonly queueCalls: number;
}

/** The thread that owns a store's database: a commit waits for the disk there, and not where requests are served. */
export class SqliteThread {
  readonly #store: string;
  readonly #queueCalls: number;
  readonly #pool: Piscina<ThreadCall, ThreadAnswer>;

  constructor({ store, program, workerData, queueCalls }: ThreadOptions) {
    this.#store = store;
    this.#queueCalls = queueCalls;
    this.#pool = new Piscina<ThreadCall, ThreadAnswer>({
      filename: program.href,
      minThreads: 1,
      maxThreads: 1,
      maxQueue: queueCalls,
      workerData,
    });
    // A thread that dies rejects the calls it had; the pool makes a new one, which opens the file again.
    this.#pool.on('error', () => undefined);
  }

  async call(operation: string, args: readonly unknown[]): Promise<unknown> {
    if (this.#pool.queueSize >= this.#queueCalls) {
      const message = `${this.#store}: ${this.#queueCalls} calls are waiting already`;
      throw new ShoalError('STORE_UNAVAILABLE', message);
    }
    let answer: ThreadAnswer;
    try {
      answer = await this.#pool.run({ operation, args });
    } catch (error) {
      throw new ShoalError('STORE_UNAVAILABLE', `${this.#store}: its thread has failed`, { cause: error });
    }
    if (!answer.ok) throw errorOf(this.#store, answer);
    return answer.value;
  }

  /** After the last call. */
  end(): Promise<void> {
    return this.#pool.destroy();
  }
}
