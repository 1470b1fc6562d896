import { randomUUID } from 'node:crypto';
import path from 'node:path';
import type { Logger } from 'pino';
import { type Blame, blame } from '../core/crash-blame.ts';
import { Suspects } from '../core/suspects.ts';
import type { MemoryMembers } from '../stores/members/memory.ts';
import type { CrashReport } from '../wire/crash-journal.ts';
import type { WorkerProcessConfig } from '../wire/worker-process.ts';
import { WorkerSlot } from './worker-slot.ts';

/** The longest that a timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What the workers of one machine have in common; each gets its own id and its own folder of `cacheDir`. */
export type WorkerTemplate = Omit<WorkerProcessConfig, 'id' | 'journalFile' | 'suspects'> & {
  /** Where the workers' crash journals lie. */
  readonly journalDir: string;
};

export interface WorkerFleetDeps {
  readonly members: MemoryMembers;
  readonly logger: Logger;
  /** Counts a crash against all whom it is blamed on; resolves with the keys of those that are in quarantine. */
  readonly strike: (crash: string, blamed: readonly Blame[]) => Promise<readonly string[]>;
  /** Milliseconds that only grow. */
  readonly now: () => number;
}

/**
 * Starts the workers of `shoal up`, announces them as members and starts again those that die. Of each death it
 * tells the manager whom to blame, all workers who must not work beside whom, and then the routers what was at work:
 * what that puts in quarantine isn't tried on another worker.
 */
export class WorkerFleet {
  readonly #template: WorkerTemplate;
  readonly #deps: WorkerFleetDeps;
  readonly #slots: WorkerSlot[] = [];
  readonly #suspects: Suspects;
  readonly #striking = new Set<Promise<void>>();
  #told: readonly string[] = [];
  #forgetting: NodeJS.Timeout | undefined;

  constructor(template: WorkerTemplate, deps: WorkerFleetDeps) {
    this.#template = template;
    this.#deps = deps;
    const { strikeMs, crashesRemembered } = template.limits;
    this.#suspects = new Suspects(strikeMs, crashesRemembered);
  }

  /** Resolves when every worker answers; rejects with the reason of the first that can't start. */
  async start(count: number): Promise<void> {
    const { members, logger, now } = this.#deps;
    for (let index = 0; index < count; index++) {
      const id = `worker-${index}`;
      const { cacheDir, journalDir, ...template } = this.#template;
      const cache = cacheDir === undefined ? {} : { cacheDir: path.join(cacheDir, id) };
      const config = { ...template, ...cache, id, journalFile: path.join(journalDir, `${id}.journal`) };
      const suspects = (): readonly string[] => this.#suspects.keys(now());
      const onDeath = this.#onDeath.bind(this);
      this.#slots.push(new WorkerSlot(config, { members, logger, suspects, onDeath }));
    }
    await Promise.all(this.#slots.map((slot) => slot.start()));
  }

  /** Lets every worker finish what it runs, then ends it. No strike is under way afterwards. */
  async stop(): Promise<void> {
    clearTimeout(this.#forgetting);
    await Promise.all(this.#slots.map((slot) => slot.stop()));
    await Promise.all(this.#striking);
  }

  #onDeath(worker: string, signal: NodeJS.Signals | null, { cause, entries }: CrashReport): void {
    const { members, now } = this.#deps;
    const atWork = entries.map(({ key }) => key);
    const blamed = blame({ signal, cause, atWork: entries });
    if (blamed.length === 0) return members.died({ worker, atWork });
    const keys = blamed.map(({ key }) => key);
    this.#suspects.crashed(keys, now());
    this.#tellSuspects();
    const striking = this.#strike(blamed).finally(() => this.#striking.delete(striking));
    this.#striking.add(striking);
    // Routers wait for word of a death, but not for long: a registry that is away must not use that up.
    const patience = Promise.withResolvers<unknown>();
    const timer = setTimeout(patience.resolve, this.#template.limits.autopsyMs / 2);
    void Promise.race([striking, patience.promise]).finally(() => {
      clearTimeout(timer);
      members.died({ worker, atWork });
    });
  }

  async #strike(blamed: readonly Blame[]): Promise<void> {
    const guilty = await this.#deps.strike(randomUUID(), blamed);
    for (const key of guilty) this.#suspects.guilty(key);
    this.#tellSuspects();
  }

  #tellSuspects(): void {
    const nowMs = this.#deps.now();
    const keys = this.#suspects.keys(nowMs);
    clearTimeout(this.#forgetting);
    const changeMs = this.#suspects.nextChangeMs;
    if (changeMs !== undefined) {
      const delayMs = Math.min(MAX_TIMER_MS, changeMs - nowMs);
      this.#forgetting = setTimeout(() => this.#tellSuspects(), delayMs);
      this.#forgetting.unref();
    }
    if (keys.join() === this.#told.join()) return;
    this.#told = keys;
    for (const slot of this.#slots) slot.tellSuspects(keys);
  }
}
