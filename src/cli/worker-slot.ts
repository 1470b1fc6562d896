import { type ChildProcess, fork } from 'node:child_process';
import { rmSync } from 'node:fs';
import type { Logger } from 'pino';
import { type CrashReport, readJournal } from '../wire/crash-journal.ts';
import {
  WORKER_ENV,
  WORKER_EXEC_ARGV,
  type WorkerCommand,
  type WorkerMessage,
  type WorkerProcessConfig,
} from '../wire/worker-process.ts';
import { CliError } from './exit.ts';
import { type MemberLease, reachable } from './member-lease.ts';

const WORKER_ENTRY = new URL('../worker/process.ts', import.meta.url);
/** A worker that lived at least so long is started again at once; one that dies young waits longer each time. */
const YOUNG_MS = 5_000;
const MAX_RESTART_DELAY_MS = 5_000;
const START_MS = 30_000;

export interface WorkerSlotDeps {
  readonly lease: MemberLease;
  readonly logger: Logger;
  /** Keys that must not work beside each other, as of now. */
  readonly suspects: () => readonly string[];
  /** A process ended that nobody had told to, and left this behind. */
  readonly onDeath: (worker: string, signal: NodeJS.Signals | null, report: CrashReport) => void;
}

/** One place in the fleet, filled by one process after another for as long as it isn't stopped. */
export class WorkerSlot {
  readonly #config: Omit<WorkerProcessConfig, 'suspects'>;
  readonly #deps: WorkerSlotDeps;
  #child: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #youngDeaths = 0;
  #address: string | undefined;
  #stopping = false;

  constructor(config: Omit<WorkerProcessConfig, 'suspects'>, deps: WorkerSlotDeps) {
    this.#config = config;
    this.#deps = deps;
  }

  /** Where it listens, as this machine reaches it; undefined while there is no process that answers. */
  get address(): string | undefined {
    return this.#address;
  }

  /** Undefined when it answers and routers were told of it, else what is missing. */
  notReady(): string | undefined {
    const { id } = this.#config;
    if (this.#address === undefined) return `the process of worker ${id} is not there`;
    return this.#deps.lease.isKnown ? undefined : `worker ${id} could not be announced yet`;
  }

  /** Resolves when the worker answers; rejects when it ended or failed before, or took too long. */
  async start(): Promise<void> {
    const startedAt = performance.now();
    const { id } = this.#config;
    this.#judgeEarlierLife();
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    // Log lines go to the parent's stderr; a worker's stdout must not mix with what the command prints.
    const env = { ...process.env, ...WORKER_ENV };
    const execArgv = [...process.execArgv, ...WORKER_EXEC_ARGV];
    const child = fork(WORKER_ENTRY, {
      serialization: 'advanced',
      env,
      execArgv,
      stdio: ['ignore', 2, 2, 'ipc'],
    });
    this.#child = child;
    child.on('error', reject);
    child.once('close', (code, signal) => {
      reject(new CliError(`worker ${id} ended while starting (${signal ?? code})`));
      if (child.pid !== undefined) this.#onEnd(performance.now() - startedAt, code, signal);
    });
    child.on('message', (message: WorkerMessage) => {
      clearTimeout(late);
      if (message.type === 'failed') reject(new CliError(`worker ${id} can't start: ${message.message}`));
      else {
        this.#address = reachable(message.address);
        // Whoever waits for the start finds it among the members.
        void this.#deps.lease.begin(message.address).then(resolve);
      }
    });
    const late = setTimeout(() => {
      reject(new Error(`worker ${id} was not ready after ${START_MS} ms`));
      child.kill('SIGKILL');
    }, START_MS);
    this.#send({ ...this.#config, suspects: this.#deps.suspects() });
    try {
      await promise;
    } finally {
      clearTimeout(late);
    }
  }

  tellSuspects(keys: readonly string[]): void {
    this.#send({ type: 'suspects', keys });
  }

  /** Routers let go of it; it serves what still comes. */
  async leave(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    await this.#deps.lease.leave();
  }

  /** After it left: lets it finish what it runs, then ends it. */
  async stop(): Promise<void> {
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
    this.#send({ type: 'stop' });
    const deadline = setTimeout(() => child.kill('SIGKILL'), this.#config.limits.drainMs + 1_000);
    await gone;
    clearTimeout(deadline);
    // What had to be killed was told to end, and accuses nobody.
    rmSync(this.#config.journalFile, { force: true });
  }

  /** To a process that is dying this is lost, and its end is told by 'close'. */
  #send(command: WorkerCommand): void {
    if (this.#child?.connected === true) this.#child.send(command, () => undefined);
  }

  #onEnd(livedMs: number, code: number | null, signal: NodeJS.Signals | null): void {
    this.#address = undefined;
    if (this.#stopping) return;
    const { id } = this.#config;
    const { lease, logger, onDeath } = this.#deps;
    lease.end();
    const report = this.#takeJournal();
    // The member stays until its lease is over: its models keep their place, and routers stand in for it until it's back.
    this.#youngDeaths = livedMs < YOUNG_MS ? this.#youngDeaths + 1 : 0;
    const delayMs = this.#restartLater();
    logger.error(
      { worker: id, code, signal, ...report, livedMs: Math.round(livedMs), delayMs },
      'worker died; starting it again',
    );
    onDeath(id, signal, report);
  }

  /**
   * A journal that nobody has read: everything was killed at once, as a container is that has used up its memory. Who
   * did it isn't known, as with any SIGKILL.
   */
  #judgeEarlierLife(): void {
    const { id } = this.#config;
    const report = this.#takeJournal();
    if (report.entries.length === 0) return;
    this.#deps.logger.error({ worker: id, ...report }, 'worker was killed with the process that started it');
    this.#deps.onDeath(id, 'SIGKILL', report);
  }

  /** Each death is judged once, and its journal isn't taken for that of the next process. */
  #takeJournal(): CrashReport {
    const { id, journalFile } = this.#config;
    try {
      const report = readJournal(journalFile);
      rmSync(journalFile, { force: true });
      return report;
    } catch (error) {
      this.#deps.logger.error(
        { err: error, worker: id },
        'the crash journal can not be read: nobody is blamed',
      );
      return { cause: undefined, entries: [] };
    }
  }

  /** Again and again: a machine without memory or descriptors for a process has them later. */
  #restartLater(): number {
    const delayMs = this.#youngDeaths <= 1 ? 0 : Math.min(MAX_RESTART_DELAY_MS, 50 * 2 ** this.#youngDeaths);
    this.#restart = setTimeout(() => {
      const before = this.#child;
      this.start().catch((error: Error) => {
        this.#deps.logger.error({ err: error, worker: this.#config.id }, 'worker did not start');
        // A process that was there says itself that it ended; where there was none, nobody does.
        const wasMade = this.#child !== before && this.#child?.pid !== undefined;
        if (wasMade || this.#stopping) return;
        this.#youngDeaths++;
        this.#restartLater();
      });
    }, delayMs);
    return delayMs;
  }
}
