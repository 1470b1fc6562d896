import { EventEmitter, on } from 'node:events';
import { type Registry, RevisionGapError, type RoutingEntry } from '../../src/stores/registry/registry.ts';
import { Happening } from './happening.ts';

type Source = Pick<Registry, 'revision' | 'snapshot' | 'follow'>;

/** The following side of a registry, with a log that a test writes, cuts and breaks. */
export class ScriptedRegistry implements Source {
  readonly #log: RoutingEntry[] = [];
  readonly #changes = new EventEmitter();
  #cutAt = 0;
  #broken: Error | undefined;
  /** Calls of revision() that were answered. */
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

  async revision(): Promise<number> {
    this.#check();
    setImmediate(() => this.told.happen());
    return this.#head();
  }

  async *snapshot(): AsyncGenerator<{ revision: number; entries: RoutingEntry[] }> {
    this.snapshots++;
    this.#check();
    const revision = this.#head();
    const newest = new Map<string, RoutingEntry>();
    for (const entry of this.#log) {
      if (entry.kind === 'tenant' && entry.settings === undefined) {
        for (const name of newest.keys()) if (name.startsWith(`${entry.tenant}/`)) newest.delete(name);
      } else newest.set(`${entry.tenant}/${entry.kind === 'model' ? entry.model : ''}`, entry);
    }
    for (const entry of newest.values()) {
      this.#check();
      if (entry.kind === 'tenant' || entry.state !== undefined) yield { revision, entries: [entry] };
    }
    yield { revision, entries: [] };
  }

  async *follow(
    revision: number,
    signal: AbortSignal,
  ): AsyncGenerator<{ revision: number; entries: RoutingEntry[] }> {
    let at = revision;
    const changes = on(this.#changes, 'change', { signal });
    for (;;) {
      this.#check();
      if (at < this.#cutAt) throw new RevisionGapError(`the log begins after ${this.#cutAt}`);
      const entries = this.#log.filter((entry) => entry.revision > at);
      if (entries.length > 0) yield { revision: (at = this.#head()), entries };
      else await changes.next();
    }
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
