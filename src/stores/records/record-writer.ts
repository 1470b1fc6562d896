import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import { ShoalError } from '../../core/errors.ts';
import type { Limits } from '../../core/limits.ts';
import type { Position } from '../registry/position.ts';
import type { RegistryRecord } from '../registry/records.ts';
import type { Registry } from '../registry/registry.ts';
import { type Name, nameFrom, nameText } from './record-keys.ts';
import type { RecordObjects } from './records.ts';

/** What a change did to a name. */
export interface Changed extends Name {
  /** The revision of the change, where its outcome tells. */
  readonly revision?: number;
  /** A tenant was deleted by it; models that went with it are known by this alone. */
  readonly deleted?: boolean;
}

interface Entry {
  /** The highest revision of the changes that its next record covers. */
  revision: number;
  /** A tenant's deletion whose record isn't written yet. */
  deletedAt: number;
  running: Promise<void> | undefined;
  /** Begins when the one that runs has ended, and covers all that was asked for meanwhile. */
  next: Promise<void> | undefined;
  /** The last try failed, or whether there was a change isn't known. */
  owed: boolean;
  /** How often that was said from outside. */
  doubts: number;
}

export interface RecordWriterDeps {
  readonly registry: Pick<Registry, 'record' | 'position'>;
  readonly records: Pick<RecordObjects, 'put'>;
  readonly limits: Pick<Limits, 'recordsOwed' | 'recordRetryMs'>;
  readonly logger: Logger;
  readonly random: () => number;
}

/**
 * Writes records as the registry has them at that moment, one at a time of each name. What could not be written is owed
 * and tried again until it is; meanwhile `refusal` says why there should be no further changes.
 */
export class RecordWriter {
  readonly #deps: RecordWriterDeps;
  readonly #entries = new Map<string, Entry>();
  #history = '';
  #owed = 0;
  #trouble: string | undefined;
  #retrying: Promise<void> | undefined;
  #stop = new AbortController();
  /** Since it was made. */
  written = 0;

  constructor(deps: RecordWriterDeps) {
    this.#deps = deps;
  }

  get owed(): number {
    return this.#owed;
  }

  /** Why a change's record would not be written now. */
  refusal(): string | undefined {
    if (this.#trouble !== undefined)
      return `the records of earlier changes can't be written: ${this.#trouble}`;
    const { recordsOwed } = this.#deps.limits;
    if (this.#entries.size < recordsOwed) return undefined;
    return `${this.#entries.size} records wait to be written (limit recordsOwed)`;
  }

  /** Resolves when the records of all that changed are durable; what can't be is owed from then on. */
  async write(changes: readonly Changed[]): Promise<void> {
    const ended = await Promise.allSettled(changes.map((change) => this.#ask(change)));
    for (const each of ended) if (each.status === 'rejected') throw each.reason;
  }

  /** For what may have changed: a call that failed may have been done, or may be done in a moment. */
  owe(names: readonly Name[]): void {
    for (const name of names) {
      const key = nameText(name);
      const entry = this.#entryOf(key);
      // Whoever writes it now may have read it before the change.
      entry.doubts++;
      this.#setOwed(entry, true);
    }
    this.#retry(this.#deps.limits.recordRetryMs);
  }

  /** Resolves when nothing is being written of these; throws when something of them is owed. */
  async settled(names: readonly Name[]): Promise<void> {
    const entries = names.flatMap((name) => this.#entries.get(nameText(name)) ?? []);
    await Promise.all(entries.flatMap((entry) => entry.next ?? entry.running ?? []));
    if (!entries.some((entry) => entry.owed)) return;
    throw new ShoalError('STORE_UNAVAILABLE', 'the change before this one is not in the object store yet');
  }

  has(name: Name): boolean {
    return this.#entries.has(nameText(name));
  }

  /** Changes are of this history from now on, and all up to now have their records. */
  begin(history: string): void {
    this.#history = history;
  }

  /** What is owed is left to whoever leads next. */
  async forget(): Promise<void> {
    this.#stop.abort();
    await this.#retrying;
    const entries = [...this.#entries.values()];
    await Promise.allSettled(entries.flatMap((entry) => entry.next ?? entry.running ?? []));
    this.#entries.clear();
    this.#owed = 0;
    this.#trouble = undefined;
    this.#stop = new AbortController();
  }

  #entryOf(key: string): Entry {
    let entry = this.#entries.get(key);
    if (entry === undefined) {
      entry = { revision: 0, deletedAt: 0, running: undefined, next: undefined, owed: false, doubts: 0 };
      this.#entries.set(key, entry);
    }
    return entry;
  }

  #ask(change: Changed): Promise<void> {
    const key = nameText(change);
    const entry = this.#entryOf(key);
    entry.revision = Math.max(entry.revision, change.revision ?? 0);
    if (change.deleted === true) entry.deletedAt = Math.max(entry.deletedAt, change.revision ?? 0);
    return this.#run(key, entry);
  }

  #run(key: string, entry: Entry): Promise<void> {
    if (entry.next !== undefined) return entry.next;
    if (entry.running === undefined) {
      entry.running = this.#writeOne(key, entry);
      return entry.running;
    }
    const start = (): Promise<void> => {
      entry.next = undefined;
      entry.running = this.#writeOne(key, entry);
      return entry.running;
    };
    entry.next = entry.running.then(start, start);
    return entry.next;
  }

  async #writeOne(key: string, entry: Entry): Promise<void> {
    const name = nameFrom(key);
    const { revision, deletedAt, doubts } = entry;
    try {
      const { records } = this.#deps;
      // Before what came after it: what was deleted with it would be there again.
      if (deletedAt > 0) await records.put({ kind: 'tenant', tenant: name.tenant, revision: deletedAt });
      const record = await this.#read(name, revision);
      if (record !== undefined && !(record.kind === 'tenant' && record.revision === deletedAt))
        await records.put(record);
      if (entry.deletedAt === deletedAt) entry.deletedAt = 0;
      if (entry.doubts === doubts) this.#setOwed(entry, false);
      this.written++;
      this.#trouble = undefined;
    } catch (error) {
      this.#setOwed(entry, true);
      // At once: most failures are of one call.
      this.#retry(0);
      throw error;
    } finally {
      entry.running = undefined;
      if (entry.next === undefined && !entry.owed) this.#entries.delete(key);
    }
  }

  /**
   * The record, or the tombstone of a model that isn't there. Nothing that is missing is taken for deleted when the
   * registry has just lost it: it must be past the change, in the history in which it was made, before and after.
   */
  async #read({ tenant, model }: Name, atLeast: number): Promise<RegistryRecord | undefined> {
    const { registry } = this.#deps;
    const before = this.#check(await registry.position(), atLeast);
    const record = await registry.record(tenant, model);
    this.#check(await registry.position(), before);
    // A tenant that was deleted has a record of its own.
    if (record !== undefined || model === undefined) return record;
    return { kind: 'model', tenant, model, revision: Math.max(before, atLeast) };
  }

  #check(position: Position | undefined, atLeast: number): number {
    if (position !== undefined && position.history === this.#history && position.revision >= atLeast)
      return position.revision;
    throw new ShoalError('STORE_UNAVAILABLE', 'registry: it has lost changes, and gets them back first');
  }

  #setOwed(entry: Entry, owed: boolean): void {
    if (entry.owed !== owed) this.#owed += owed ? 1 : -1;
    entry.owed = owed;
  }

  #retry(waitMs: number): void {
    this.#retrying ??= this.#retryAll(waitMs).finally(() => {
      this.#retrying = undefined;
    });
  }

  async #retryAll(firstMs: number): Promise<void> {
    const { limits, logger, random } = this.#deps;
    const { signal } = this.#stop;
    let waitMs = firstMs;
    while (this.#owed > 0 && !signal.aborted) {
      await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      waitMs = limits.recordRetryMs * (0.5 + random() / 2);
      for (const [key, entry] of this.#entries) {
        if (signal.aborted) return;
        if (!entry.owed) continue;
        try {
          await this.#run(key, entry);
        } catch (error) {
          // One is enough to know.
          this.#trouble = error instanceof Error ? error.message : String(error);
          logger.warn({ err: error, owed: this.#owed }, 'records of changes could not be written yet');
          break;
        }
      }
    }
  }
}
