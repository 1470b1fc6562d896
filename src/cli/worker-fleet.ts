import { type ChildProcess, fork } from 'node:child_process';
import path from 'node:path';
import type { Logger } from 'pino';
import type { MemoryMembers } from '../stores/members/memory.ts';
import type { WorkerMessage, WorkerProcessConfig } from '../wire/worker-process.ts';

const WORKER_ENTRY = new URL('../worker/process.ts', import.meta.url);
/** A worker that lived at least so long is started again at once; one that dies young waits longer each time. */
const YOUNG_MS = 5_000;
const MAX_RESTART_DELAY_MS = 5_000;
const START_MS = 30_000;

/** What the workers of one machine have in common; each gets its own id and its own folder of `cacheDir`. */
export type WorkerTemplate = Omit<WorkerProcessConfig, 'id' | 'journalFile' | 'suspects'> & {
  /** Where the workers' crash journals lie. */
  readonly journalDir: string;
};

/** Starts the workers of `shoal up`, announces them as members and starts again those that die. */
export class WorkerFleet {
  readonly #template: WorkerTemplate;
  readonly #members: MemoryMembers;
  readonly #logger: Logger;
  readonly #slots: WorkerSlot[] = [];

  constructor(template: WorkerTemplate, members: MemoryMembers, logger: Logger) {
    this.#template = template;
    this.#members = members;
    this.#logger = logger;
  }

  /** Resolves when every worker answers; rejects with the reason of the first that can't start. */
  async start(count: number): Promise<void> {
    for (let index = 0; index < count; index++) {
      const id = `worker-${index}`;
      const { cacheDir, journalDir, ...template } = this.#template;
      const cache = cacheDir === undefined ? {} : { cacheDir: path.join(cacheDir, id) };
      const config = {
        ...template,
        ...cache,
        id,
        journalFile: path.join(journalDir, `${id}.journal`),
        suspects: [],
      };
      this.#slots.push(new WorkerSlot(config, this.#members, this.#logger));
    }
    await Promise.all(this.#slots.map((slot) => slot.start()));
  }

  /** Lets every worker finish what it runs, then ends it. */
  async stop(): Promise<void> {
    await Promise.all(this.#slots.map((slot) => slot.stop()));
  }
}

/** One place in the fleet, filled by one process after another. */
class WorkerSlot {
  readonly #config: WorkerProcessConfig;
  readonly #members: MemoryMembers;
  readonly #logger: Logger;
  #child: ChildProcess | undefined;
  #restart: NodeJS.Timeout | undefined;
  #youngDeaths = 0;
  #stopping = false;

  constructor(config: WorkerProcessConfig, members: MemoryMembers, logger: Logger) {
    this.#config = config;
    this.#members = members;
    this.#logger = logger;
  }

  /** Resolves when the worker answers; rejects when it ended or failed before, or took too long. */
  async start(): Promise<void> {
    const startedAt = performance.now();
    // Log lines go to the parent's stderr; a worker's stdout must not mix with what the command prints.
    const child = fork(WORKER_ENTRY, { serialization: 'advanced', stdio: ['ignore', 2, 2, 'ipc'] });
    this.#child = child;
    // 'close' comes in any case, also when the process could not be made at all.
    child.once('close', (code, signal) => this.#onEnd(performance.now() - startedAt, code, signal));
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const late = setTimeout(() => {
      reject(new Error(`worker ${this.#config.id} was not ready after ${START_MS} ms`));
      child.kill('SIGKILL');
    }, START_MS);
    child.on('error', reject);
    child.once('close', (code, signal) =>
      reject(new Error(`worker ${this.#config.id} ended while starting (${signal ?? code})`)),
    );
    child.on('message', (message: WorkerMessage) => {
      if (message.type === 'ready') {
        this.#announce(message.address);
        resolve();
      } else reject(new Error(`worker ${this.#config.id} can't start: ${message.message}`));
    });
    child.send(this.#config, (error) => {
      if (error !== null) reject(error);
    });
    try {
      await promise;
    } finally {
      clearTimeout(late);
    }
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    clearTimeout(this.#restart);
    const child = this.#child;
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
    const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
    this.#members.remove(this.#config.id);
    if (child.connected) child.send({ type: 'stop' });
    const deadline = setTimeout(() => child.kill('SIGKILL'), this.#config.limits.drainMs + 1_000);
    await gone;
    clearTimeout(deadline);
  }

  #announce(address: string): void {
    const { id, zone } = this.#config;
    this.#members.set({ id, address, zone, weight: 1 });
  }

  #onEnd(livedMs: number, code: number | null, signal: NodeJS.Signals | null): void {
    if (this.#stopping) return;
    // The member stays listed: its models keep their place, and the router stands in for it until it's back.
    this.#youngDeaths = livedMs < YOUNG_MS ? this.#youngDeaths + 1 : 0;
    const delayMs = this.#youngDeaths <= 1 ? 0 : Math.min(MAX_RESTART_DELAY_MS, 50 * 2 ** this.#youngDeaths);
    this.#logger.error(
      { worker: this.#config.id, code, signal, livedMs: Math.round(livedMs), delayMs },
      'worker died; starting it again',
    );
    this.#restart = setTimeout(() => {
      this.start().catch((error: Error) =>
        this.#logger.error({ err: error, worker: this.#config.id }, 'worker did not start'),
      );
    }, delayMs);
  }
}
