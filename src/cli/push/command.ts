import { createWriteStream, type WriteStream } from 'node:fs';
import { finished } from 'node:stream/promises';
import cliProgress from 'cli-progress';
import { ShoalClient } from '../client.ts';
import { CliError, EXIT } from '../exit.ts';
import { print } from '../output.ts';
import { openSource } from './source.ts';
import { type PushAnswer, pushItems } from './stream.ts';

export interface PushOptions {
  readonly server: string;
  readonly activate: boolean;
  readonly dryRun: boolean;
  readonly rejects: string;
  readonly json: boolean;
}

const SHOWN_REJECTS = 20;

/** `shoal push`: exits with 1 when any line was rejected; the rejects are in a file as well. */
export async function push(target: string, options: PushOptions): Promise<number> {
  const source = await openSource(target, options.activate);
  const client = new ShoalClient(options.server);
  const tally = new Tally(options.rejects, source.total, options.json);
  try {
    await pushItems(client, source.items(), {
      dryRun: options.dryRun,
      onAnswer: (answer) => tally.add(answer),
    });
  } catch (error) {
    if (error instanceof CliError && error.exitCode === EXIT.unreachable) {
      throw new CliError(
        `${error.message}; ${tally.answered} of ${source.total} were answered: push again to resume`,
        EXIT.unreachable,
        error,
      );
    }
    throw error;
  } finally {
    await tally.end();
    await client.close();
  }
  return tally.report(options.json);
}

class Tally {
  readonly counts = { registered: 0, unchanged: 0, rejected: 0 };
  readonly #rejectsFile: string;
  readonly #bar: cliProgress.SingleBar | undefined;
  readonly #startedAt = performance.now();
  readonly #shown: PushAnswer[] = [];
  #rejects: WriteStream | undefined;

  constructor(rejectsFile: string, total: number, json: boolean) {
    this.#rejectsFile = rejectsFile;
    if (json) return;
    this.#bar = new cliProgress.SingleBar({
      format: '{bar} {percentage}% | {value}/{total} | {rate}/s | {rejected} rejected | {eta_formatted} left',
      hideCursor: true,
      noTTYOutput: true,
      notTTYSchedule: 5_000,
    });
    this.#bar.start(total, 0, { rate: 0, rejected: 0 });
  }

  get answered(): number {
    return this.counts.registered + this.counts.unchanged + this.counts.rejected;
  }

  add(answer: PushAnswer): void {
    this.counts[answer.status]++;
    if (answer.status === 'rejected') {
      this.#rejects ??= createWriteStream(this.#rejectsFile);
      this.#rejects.write(`${JSON.stringify(answer)}\n`);
      if (this.#shown.length < SHOWN_REJECTS) this.#shown.push(answer);
    }
    this.#bar?.update(this.answered, { rate: this.#rate(), rejected: this.counts.rejected });
  }

  async end(): Promise<void> {
    this.#bar?.stop();
    if (this.#rejects === undefined) return;
    this.#rejects.end();
    await finished(this.#rejects);
  }

  report(json: boolean): number {
    const seconds = (performance.now() - this.#startedAt) / 1000;
    const { rejected } = this.counts;
    if (json) {
      print(
        JSON.stringify({
          ...this.counts,
          seconds,
          ...(rejected > 0 ? { rejectsFile: this.#rejectsFile } : {}),
        }),
      );
    } else {
      for (const { from, error } of this.#shown) print(`rejected ${from}: ${error?.code}: ${error?.message}`);
      const rest = rejected > SHOWN_REJECTS ? `, ${rejected - SHOWN_REJECTS} more` : '';
      if (rejected > 0) print(`all rejects are in ${this.#rejectsFile}${rest}`);
      print(
        `${this.counts.registered} registered, ${this.counts.unchanged} unchanged, ${rejected} rejected in ${seconds.toFixed(1)} s (${this.#rate()}/s)`,
      );
    }
    return rejected > 0 ? EXIT.refused : EXIT.ok;
  }

  #rate(): number {
    return Math.round(this.answered / Math.max(0.001, (performance.now() - this.#startedAt) / 1000));
  }
}
