import { PassThrough, type Readable } from 'node:stream';
import type { Logger } from 'pino';
import { type ErrorBody, errorBody, ShoalError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { JsonObject } from '../model/json.ts';
import { type ArtifactSource, type ArtifactSources, sourceOf } from './artifact-source.ts';
import { DefinedConfigs, type LineName, nameOf, parseLine } from './bulk-line.ts';
import type { ChunkOptions } from './body-chunks.ts';
import type { Gate } from './gate.ts';
import { ndjsonLines, type NumberedLine } from './ndjson-lines.ts';
import type { Registrar } from './register.ts';

export interface BulkDeps {
  readonly registrar: Registrar;
  readonly sources: ArtifactSources;
  /** One for all streams: what they have under way together is bounded. */
  readonly bulkGate: Gate;
  readonly limits: Pick<
    Limits,
    'bulkInFlightBytes' | 'bulkLineBytes' | 'bulkConfigs' | 'bodyTimeoutMs' | 'jsonDepth'
  >;
  readonly logger: Logger;
  readonly published: (revision: number) => Promise<void>;
}

export interface BulkRequest {
  /** The decoded body; called once. */
  readonly open: (options: ChunkOptions) => AsyncIterable<Uint8Array>;
  readonly dryRun: boolean;
  readonly requestId: string;
}

type Status = 'registered' | 'unchanged' | 'rejected';

interface LineAnswer extends LineName {
  readonly line: number;
  readonly status: Status;
  readonly digest?: string;
  readonly revision?: number;
  readonly error?: ErrorBody;
}

/**
 * Registers a stream of lines and streams the answers, each as soon as it is durable. What is in memory is
 * bounded by the lines under way; a client that doesn't read its answers isn't read from. Destroying the
 * answer (the client has gone) drops what has not been committed.
 */
export function bulkRegister(deps: BulkDeps, request: BulkRequest): Readable {
  const answers = new PassThrough();
  const run = new BulkRun(deps, request, answers);
  // Opened here, so that a false encoding is an ordinary error answer.
  const chunks = request.open({
    silenceMs: deps.limits.bodyTimeoutMs,
    isBusy: () => run.isBusy,
  });
  run.all(chunks).catch((error: Error) => answers.destroy(error));
  return answers;
}

class BulkRun {
  readonly #deps: BulkDeps;
  readonly #request: BulkRequest;
  readonly #answers: PassThrough;
  readonly #underWay = new Set<Promise<void>>();
  readonly #configs: DefinedConfigs;
  readonly #gone = new AbortController();
  readonly #counts = { registered: 0, unchanged: 0, rejected: 0 };
  readonly #startedMs = performance.now();

  constructor(deps: BulkDeps, request: BulkRequest, answers: PassThrough) {
    this.#deps = deps;
    this.#request = request;
    this.#answers = answers;
    this.#configs = new DefinedConfigs(deps.limits);
    answers.on('close', () => this.#gone.abort());
    // A client that went away is no failure of ours.
    answers.on('error', () => undefined);
  }

  get isBusy(): boolean {
    return this.#underWay.size > 0;
  }

  async all(chunks: AsyncIterable<Uint8Array>): Promise<void> {
    let last = 0;
    try {
      for await (const line of ndjsonLines(chunks, this.#deps.limits.bulkLineBytes)) {
        last = line.line;
        await this.#begin(line);
        await this.#writable();
        if (this.#gone.signal.aborted) return;
      }
    } catch (error) {
      // The stream itself broke: what came before is finished and answered all the same.
      await Promise.all(this.#underWay);
      this.#reject(last + 1, {}, error);
    }
    await Promise.all(this.#underWay);
    const seconds = Number(((performance.now() - this.#startedMs) / 1000).toFixed(3));
    this.#answers.end(`${JSON.stringify({ summary: { ...this.#counts, seconds } })}\n`);
  }

  /** Definitions take effect in order; registrations run side by side, as many as the gate of all streams lets in. */
  async #begin({ line, bytes }: NumberedLine): Promise<void> {
    let parsed: JsonObject = {};
    try {
      if (bytes === undefined) throw lineTooLong(this.#deps.limits.bulkLineBytes);
      parsed = parseLine(bytes, this.#deps.limits.jsonDepth);
      if ('defineConfig' in parsed) {
        this.#configs.define(parsed, bytes.length);
        return;
      }
      const registration = this.#configs.registration(parsed);
      const { bulkGate } = this.#deps;
      await bulkGate.enter(bytes.length);
      const task = this.#register(line, registration).finally(() => {
        bulkGate.leave(bytes.length);
        this.#underWay.delete(task);
      });
      this.#underWay.add(task);
    } catch (error) {
      this.#reject(line, nameOf(parsed), error);
    }
  }

  async #register(line: number, registration: ReturnType<DefinedConfigs['registration']>): Promise<void> {
    const { id, artifact, config, activate } = registration;
    let source: ArtifactSource | undefined;
    try {
      source = await sourceOf(artifact, this.#deps.sources);
      const { status, revision } = await this.#deps.registrar.register({
        id,
        source,
        config,
        activate,
        dryRun: this.#request.dryRun,
        signal: this.#gone.signal,
      });
      const { digest } = source;
      if (revision !== undefined) await this.#deps.published(revision);
      this.#answer({ line, ...id, status, digest, ...(revision === undefined ? {} : { revision }) });
    } catch (error) {
      this.#reject(line, id, error, source?.digest);
    }
  }

  #reject(line: number, name: LineName, error: unknown, digest?: string): void {
    let known = error;
    if (!(known instanceof ShoalError)) {
      this.#deps.logger.error({ err: error, requestId: this.#request.requestId, line }, 'a bulk line failed');
      known = new ShoalError('INTERNAL', 'an internal error happened; the log has it under this request');
    }
    this.#answer({
      line,
      ...name,
      status: 'rejected',
      ...(digest === undefined ? {} : { digest }),
      error: errorBody(known as ShoalError, this.#request.requestId),
    });
  }

  #answer(answer: LineAnswer): void {
    this.#counts[answer.status]++;
    if (!this.#gone.signal.aborted) this.#answers.write(`${JSON.stringify(answer)}\n`);
  }

  /** Returns when the client reads its answers, or is gone; one that reads nothing for too long is cut off. */
  async #writable(): Promise<void> {
    if (!this.#answers.writableNeedDrain || this.#gone.signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    const cut = setTimeout(() => this.#answers.destroy(), this.#deps.limits.bodyTimeoutMs);
    this.#answers.once('drain', resolve).once('close', resolve);
    await promise;
    clearTimeout(cut);
    this.#answers.off('drain', resolve).off('close', resolve);
  }
}

function lineTooLong(maxBytes: number): ShoalError {
  return new ShoalError('TOO_LARGE', `a line may have ${maxBytes} bytes (limit bulkLineBytes)`);
}
