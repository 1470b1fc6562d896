import type { Logger } from 'pino';
import type { Position } from '../stores/registry/position.ts';
import { type Registry, RevisionGapError } from '../stores/registry/registry.ts';
import type { Limits } from '../core/limits.ts';
import { LastingTrouble } from '../telemetry/lasting-trouble.ts';
import { pause } from './pause.ts';
import type { RoutingTable, SnapshotLoad } from './routing-table.ts';

const FIRST_BACKOFF_MS = 50;
const MAX_BACKOFF_MS = 5_000;
const SYNC_CHECK_MS = 1_000;

export interface TableFollowerDeps {
  readonly registry: Pick<Registry, 'position' | 'snapshot' | 'follow'>;
  readonly table: RoutingTable;
  readonly limits: Pick<Limits, 'publishMs'>;
  readonly logger: Logger;
  readonly now: () => number;
  readonly random: () => number;
}

/**
 * Keeps a table in step with the registry: a snapshot, then the changes after it. Errors are waited out with
 * growing pauses while the table goes on answering; only a gap in the change log, or another history, asks for a new
 * snapshot. A registry that has no history, or is behind the table within one, changes nothing in the table.
 */
export class TableFollower {
  /** Resolves with the first whole snapshot; rejects when stopped before. */
  readonly ready: Promise<void>;
  readonly #deps: TableFollowerDeps;
  readonly #stopping = new AbortController();
  readonly #loaded = Promise.withResolvers<void>();
  readonly #done: Promise<unknown>;
  readonly #trouble: LastingTrouble;
  readonly #waiters = new Set<{ readonly revision: number; readonly wake: () => void }>();
  #isReady = false;
  #inSyncAtMs: number;
  #backoffMs = FIRST_BACKOFF_MS;

  constructor(deps: TableFollowerDeps) {
    this.#deps = deps;
    this.#trouble = new LastingTrouble(deps.logger);
    this.#inSyncAtMs = deps.now();
    this.ready = this.#loaded.promise;
    // Nobody has to wait for it; whoever does still gets the rejection.
    this.ready.catch(() => undefined);
    this.#done = Promise.all([this.#run(), this.#watchAge()]);
  }

  isReady(): boolean {
    return this.#isReady;
  }

  /** Since the table was last known to hold everything that the registry has. */
  ageMs(): number {
    return Math.max(0, this.#deps.now() - this.#inSyncAtMs);
  }

  /**
   * Resolves when the table knows everything up to `revision`, or after `limits.publishMs`: a manager in the same process
   * answers a change then, so that who made it sees it at once. While the registry is away it isn't known.
   */
  reached(revision: number): Promise<void> {
    if (this.#deps.table.revision >= revision) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        this.#waiters.delete(waiter);
        resolve();
      };
      const waiter = { revision, wake };
      const timer = setTimeout(wake, this.#deps.limits.publishMs);
      this.#waiters.add(waiter);
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    this.#loaded.reject(new Error('stopped before the table was loaded'));
    await this.#done;
  }

  async #run(): Promise<void> {
    const { table, logger, random } = this.#deps;
    const { signal } = this.#stopping;
    let needsSnapshot = true;
    while (!signal.aborted) {
      try {
        if (needsSnapshot) await this.#load();
        needsSnapshot = false;
        await this.#follow();
      } catch (error) {
        if (signal.aborted) return;
        needsSnapshot ||= error instanceof RevisionGapError;
        logger.debug({ err: error, revision: table.revision, needsSnapshot }, 'lost touch with the registry');
        this.#trouble.tell('no touch with the registry; what the table knows is served', error);
      }
      await pause(this.#backoffMs * (0.5 + random() / 2), signal);
      this.#backoffMs = Math.min(MAX_BACKOFF_MS, this.#backoffMs * 2);
    }
  }

  async #load(): Promise<void> {
    const { registry, now } = this.#deps;
    const startedAtMs = now();
    let snapshot: SnapshotLoad | undefined;
    for await (const { position, entries } of registry.snapshot()) {
      this.#stopping.signal.throwIfAborted();
      snapshot ??= this.#begin(position);
      snapshot.page(entries);
    }
    if (snapshot === undefined) throw new Error('the snapshot has no page');
    snapshot.end();
    this.#wake();
    this.#inSyncAtMs = startedAtMs;
    this.#isReady = true;
    this.#loaded.resolve();
  }

  #begin(position: Position): SnapshotLoad {
    const { table } = this.#deps;
    const known = table.position;
    if (known?.history === position.history && known.revision > position.revision) {
      throw new Error(
        `the registry is at revision ${position.revision}, behind the table's ${known.revision}`,
      );
    }
    return table.beginSnapshot(position);
  }

  #wake(): void {
    const { revision } = this.#deps.table;
    for (const waiter of this.#waiters) if (waiter.revision <= revision) waiter.wake();
  }

  async #follow(): Promise<void> {
    const { registry, table } = this.#deps;
    if (table.position === undefined) throw new RevisionGapError('the table has no history');
    for await (const change of registry.follow(table.position, this.#stopping.signal)) {
      table.apply(change.entries, change.position.revision);
      this.#wake();
      this.#backoffMs = FIRST_BACKOFF_MS;
    }
  }

  /** A quiet change log says nothing; only the registry's own position tells whether the table is in step. */
  async #watchAge(): Promise<void> {
    const { registry, table, logger, now } = this.#deps;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      await pause(SYNC_CHECK_MS, signal);
      if (!this.#isReady || signal.aborted) continue;
      const askedAtMs = now();
      const before = table.revision;
      try {
        const position = await registry.position();
        if (position === undefined || position.history !== table.position?.history) continue;
        const { revision } = position;
        if (before > revision || revision > table.revision) continue;
        this.#inSyncAtMs = askedAtMs;
        this.#trouble.over('in step with the registry again');
      } catch (error) {
        logger.debug({ err: error }, 'the registry did not tell its position');
      }
    }
  }
}
