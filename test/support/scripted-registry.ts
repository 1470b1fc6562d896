import { EventEmitter, on } from 'node:events';
import type { Position } from '../../src/stores/registry/position.ts';
import {
  type Registry,
  RevisionGapError,
  type RoutingEntry,
  type RoutingPage,
} from '../../src/stores/registry/registry.ts';
import { ShoalError } from '../../src/core/errors.ts';
import { Happening } from './happening.ts';

type Source = Pick<Registry, 'position' | 'snapshot' | 'follow'>;

/** The following side of a registry, with a log that a test writes, cuts and breaks. */
export class ScriptedRegistry implements Source {
  #log: RoutingEntry[] = [];
  #history: string | undefined = 'first';
  readonly #changes = new EventEmitter();
  #cutAt = 0;
  #broken: Error | undefined;
  /** Calls of position() that were answered. */
  readonly told = new Happening();
  snapshots = 0;

  /** Commits entries at the next revision, which it returns. */
  write(...entries: readonly Unrevised[]): number {
    const revision = this.#log.length === 0 ? 1 : (this.#log.at(-1) as RoutingEntry).revision + 1;
    for (const entry of entries) this.#log.push({ ...entry, revision });
    this.#changes.emit('change');
    return revision;
  }

  /** Forgets the log up to now, as one that grew too long. */
  cut(): void {
    this.#cutAt = this.#head();
  }

  /** Fails every call and every stream, until mended by undefined. */
  break(error: Error | undefined): void {
    this.#broken = error;
    this.#changes.emit('change');
  }

  /** Nothing is known any more, and no history either. */
  lose(): void {
    this.#history = undefined;
    this.#log = [];
    this.#changes.emit('change');
  }

  /** Another history, with these entries as they are. */
  restore(history: string, ...entries: readonly RoutingEntry[]): void {
    this.#history = history;
    this.#log = [...entries];
    this.#changes.emit('change');
  }

  /** Goes back within the history. */
  goBack(revision: number): void {
    this.#log = this.#log.filter((entry) => entry.revision <= revision);
    this.#changes.emit('change');
  }

  async position(): Promise<Position | undefined> {
    this.#check();
    setImmediate(() => this.told.happen());
    return this.#position();
  }

  async *snapshot(): AsyncGenerator<RoutingPage> {
    this.snapshots++;
    this.#check();
    const position = this.#position();
    if (position === undefined) throw new ShoalError('STORE_UNAVAILABLE', 'it has no history');
    const newest = new Map<string, RoutingEntry>();
    for (const entry of this.#log) {
      if (entry.kind === 'tenant' && entry.settings === undefined) {
        for (const name of newest.keys()) if (name.startsWith(`${entry.tenant}/`)) newest.delete(name);
      } else newest.set(`${entry.tenant}/${entry.kind === 'model' ? entry.model : ''}`, entry);
    }
    for (const entry of newest.values()) {
      this.#check();
      if (entry.kind === 'tenant' || entry.state !== undefined) yield { position, entries: [entry] };
    }
    yield { position, entries: [] };
  }

  async *follow({ history, revision }: Position, signal: AbortSignal): AsyncGenerator<RoutingPage> {
    let at = revision;
    const changes = on(this.#changes, 'change', { signal });
    for (;;) {
      this.#check();
      if (history !== this.#history) throw new RevisionGapError(`the history is ${this.#history}`);
      if (at > this.#head()) throw new RevisionGapError(`the log ends at ${this.#head()}`);
      if (at < this.#cutAt) throw new RevisionGapError(`the log begins after ${this.#cutAt}`);
      const entries = this.#log.filter((entry) => entry.revision > at);
      if (entries.length > 0) yield { position: { history, revision: (at = this.#head()) }, entries };
      else await changes.next();
    }
  }

  #position(): Position | undefined {
    return this.#history === undefined ? undefined : { history: this.#history, revision: this.#head() };
  }

  #head(): number {
    return this.#log.at(-1)?.revision ?? 0;
  }

  #check(): void {
    if (this.#broken !== undefined) throw this.#broken;
  }
}

type Unrevised = RoutingEntry extends infer Entry
  ? Entry extends RoutingEntry
    ? Omit<Entry, 'revision'>
    : never
  : never;
