import { randomUUID } from 'node:crypto';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { Counter, type Registry as MetricsRegistry } from 'prom-client';
import { type Blame, blame } from '../core/crash-blame.ts';
import { checkWorker } from '../core/ids.ts';
import { Suspects } from '../core/suspects.ts';
import type { MemberAnnouncer, Members, WorkerDeath } from '../stores/members/members.ts';
import type { CrashReport } from '../wire/crash-journal.ts';
import type { WorkerProcessConfig } from '../wire/worker-process.ts';
import { MemberLease } from './member-lease.ts';
import { WorkerSlot } from './worker-slot.ts';

/** The longest that a timer takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

/** What the workers of one machine have in common; each gets its own id and its own folder of `cacheDir`. */
export type WorkerTemplate = Omit<WorkerProcessConfig, 'id' | 'journalFile' | 'suspects'> & {
  /** Where the workers' crash journals lie. */
  readonly journalDir: string;
  /** Relative share of the models. */
  readonly weight: number;
  /** Where routers reach it: `http://host:port`, or `http://host` with the port that it listens on; absent: as it listens. */
  readonly advertise?: string;
};

export interface WorkerFleetDeps {
  readonly members: MemberAnnouncer;
  /** Of the whole fleet. */
  readonly deaths: Pick<Members, 'watchDeaths'>;
  readonly logger: Logger;
  /** Of the process that the workers are started by. */
  readonly metrics: MetricsRegistry;
  /**
   * Counts a crash against all whom it is blamed on; resolves with the keys of those that are in quarantine. It may
   * take its time until the signal says that the fleet is stopping.
   */
  readonly strike: (
    crash: string,
    blamed: readonly Blame[],
    stopping: AbortSignal,
  ) => Promise<readonly string[]>;
  /** Milliseconds that only grow. */
  readonly now: () => number;
}

/**
 * Starts the workers of one machine, announces them as members and starts again those that die. Of each death it
 * tells the manager whom to blame, all workers who must not work beside whom, and then the routers and other machines
 * what was at work: what that puts in quarantine isn't tried on another worker.
 */
export class WorkerFleet {
  readonly #template: WorkerTemplate;
  readonly #deps: WorkerFleetDeps;
  readonly #startedAtMs: number;
  readonly #slots = new Map<string, WorkerSlot>();
  readonly #deaths: Counter<'worker'>;
  readonly #suspects: Suspects;
  readonly #striking = new Set<Promise<void>>();
  readonly #stopping = new AbortController();
  readonly #unwatch: () => void;
  #leaving: Promise<void> | undefined;
  #told: readonly string[] = [];
  #forgetting: NodeJS.Timeout | undefined;

  constructor(template: WorkerTemplate, deps: WorkerFleetDeps) {
    this.#template = template;
    this.#deps = deps;
    this.#startedAtMs = deps.now();
    const { strikeMs, crashesRemembered } = template.limits;
    this.#suspects = new Suspects(strikeMs, crashesRemembered);
    this.#deaths = new Counter({
      name: 'shoal_worker_deaths_total',
      help: 'Ends of worker processes that nobody had told to end.',
      labelNames: ['worker'],
      registers: [deps.metrics],
    });
    this.#unwatch = deps.deaths.watchDeaths((death) => this.#onDeathElsewhere(death));
  }

  /** Resolves when every worker answers and was announced; rejects with the reason of the first that can't start. */
  async start(ids: readonly string[]): Promise<void> {
    const { members, logger, now } = this.#deps;
    const { cacheDir, journalDir, weight, advertise, ...template } = this.#template;
    const { zone, lanes, budgetBytes, token, limits } = template;
    for (const id of ids) {
      checkWorker(id);
      const cache = cacheDir === undefined ? {} : { cacheDir: path.join(cacheDir, id) };
      const config = { ...template, ...cache, id, journalFile: path.join(journalDir, `${id}.journal`) };
      const place = { id, zone, weight, lanes, budgetBytes, advertise };
      const lease = new MemberLease(place, { members, token, limits, logger });
      const suspects = (): readonly string[] => this.#suspects.keys(now());
      const onDeath = this.#onDeath.bind(this);
      this.#deaths.inc({ worker: id }, 0);
      this.#slots.set(id, new WorkerSlot(config, { lease, logger, suspects, onDeath }));
    }
    await Promise.all([...this.#slots.values()].map((slot) => slot.start()));
  }

  /** Where one of them listens, as this machine reaches it; undefined while it doesn't. */
  address(id: string): string | undefined {
    return this.#slots.get(id)?.address;
  }

  /** Undefined when every worker answers and routers were told of it, else what is missing. */
  notReady(): string | undefined {
    if (this.#slots.size === 0) return 'the workers are starting';
    return [...this.#slots.values()].map((slot) => slot.notReady()).find((reason) => reason !== undefined);
  }

  /** Routers let go of the workers, which go on serving for `leaveMs`: that long it takes until all routers know. */
  leave(): Promise<void> {
    this.#leaving ??= Promise.all([...this.#slots.values()].map((slot) => slot.leave())).then((left) =>
      left.length === 0 ? undefined : sleep(this.#template.limits.leaveMs),
    );
    return this.#leaving;
  }

  /** Leaves, lets every worker finish what it runs, then ends it. No strike is under way afterwards. */
  async stop(): Promise<void> {
    await this.leave();
    this.#stopping.abort();
    this.#unwatch();
    clearTimeout(this.#forgetting);
    await Promise.all([...this.#slots.values()].map((slot) => slot.stop()));
    await Promise.all(this.#striking);
  }

  #onDeath(worker: string, signal: NodeJS.Signals | null, { cause, entries }: CrashReport): void {
    const { now } = this.#deps;
    const diedAtMs = now();
    this.#deaths.inc({ worker });
    const atWork = entries.map(({ key }) => key);
    const judged = blame({ signal, cause, atWork: entries });
    const blamed = judged.map(({ key }) => key);
    if (blamed.length === 0) return this.#publish({ worker, atWork });
    this.#suspects.crashed(blamed, diedAtMs);
    this.#tellSuspects();
    const tell = (guilty: readonly string[]): void => {
      const agoMs = Math.round(now() - diedAtMs);
      this.#publish({ worker, atWork, blamed, guilty, agoMs });
    };
    const striking = this.#strike(judged, tell).finally(() => this.#striking.delete(striking));
    this.#striking.add(striking);
  }

  async #strike(blamed: readonly Blame[], tell: (guilty: readonly string[]) => void): Promise<void> {
    let isTold = false;
    // Routers wait for word of a death, but not for long: a registry that is away must not use that up.
    const patience = setTimeout(() => {
      isTold = true;
      tell([]);
    }, this.#template.limits.autopsyMs / 2);
    const guilty = await this.#deps.strike(randomUUID(), blamed, this.#stopping.signal);
    clearTimeout(patience);
    for (const key of guilty) this.#suspects.guilty(key);
    this.#tellSuspects();
    if (!isTold || guilty.length > 0) tell(guilty);
  }

  #publish(death: WorkerDeath): void {
    this.#deps.members
      .died(death)
      .catch((error: unknown) =>
        this.#deps.logger.warn(
          { err: error, worker: death.worker },
          'a death could not be told to the routers',
        ),
      );
  }

  /** What ran beside each other there must not do so here either. */
  #onDeathElsewhere({ worker, blamed = [], guilty = [], agoMs = 0 }: WorkerDeath): void {
    const atMs = this.#deps.now() - agoMs;
    // Of its own workers it knows first-hand, but for those that died before it began.
    if (this.#slots.has(worker) && atMs >= this.#startedAtMs) return;
    this.#suspects.crashed(blamed, atMs);
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
    for (const slot of this.#slots.values()) slot.tellSuspects(keys);
  }
}
