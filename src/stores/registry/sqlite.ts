import { channel } from 'node:diagnostics_channel';
import { EventEmitter, once } from 'node:events';
import { ShoalError } from '../../core/errors.ts';
import { Gather } from '../../core/gather.ts';
import type { Digest } from '../../core/ids.ts';
import { DEFAULT_LIMITS } from '../../core/limits.ts';
import type { Traffic } from '../../core/traffic-split.ts';
import type { Position } from './position.ts';
import { pagesOf } from './pages.ts';
import type { RegistryRecord } from './records.ts';
import { closed, tooManyWaiting } from './refusals.ts';
import type {
  ModelSettings,
  Page,
  PageRequest,
  RegisterOutcome,
  Registration,
  Registry,
  RoutingPage,
  TenantSettings,
  VersionId,
} from './registry.ts';
import { COMMIT_CHANNEL, RevisionGapError } from './registry.ts';
import { SqliteThread } from '../sqlite/thread.ts';
import type { RowEntry } from './rows.ts';
import { SharedSpecs } from './shared-specs.ts';
import type { ModelName, Operations, RegistryLimits, Reply, ThreadData } from './sqlite-messages.ts';

const commits = channel(COMMIT_CHANNEL);

const PAGE_ENTRIES = 1_000;
const PAGE_RECORDS = 200;
const GROUP_REGISTRATIONS = 1_000;
const FIRST_MODEL: ModelName = { tenant: '', model: '' };

/**
 * The registry in one SQLite file, for one process: SQLite is synchronous and every commit waits for the disk,
 * so the database lives in a thread of its own. A file that is damaged or foreign is refused: STORE_UNAVAILABLE.
 * `now` is the time of strikes, in milliseconds since 1970.
 */
export async function openSqliteRegistry(
  path: string,
  limits: RegistryLimits = DEFAULT_LIMITS,
  now: () => number = Date.now,
): Promise<Registry> {
  const { versionsPerModel, changeLogEntries, registryQueueCalls, strikes, strikeMs } = limits;
  const workerData: ThreadData = {
    path,
    limits: { versionsPerModel, changeLogEntries, registryQueueCalls, strikes, strikeMs },
  };
  const thread = new SqliteThread({
    store: 'registry',
    program: new URL('./sqlite-thread.ts', import.meta.url),
    workerData,
    queueCalls: registryQueueCalls,
  });
  const registry = new SqliteRegistry(thread, registryQueueCalls, now);
  try {
    await registry.position();
    return registry;
  } catch (error) {
    await thread.end();
    throw error;
  }
}

class SqliteRegistry implements Registry {
  readonly #thread: SqliteThread;
  readonly #now: () => number;
  readonly #specs = new SharedSpecs<number>((ids) => this.#call('specs', ids));
  readonly #commits: Gather<Registration, RegisterOutcome>;
  readonly #changed = new EventEmitter().setMaxListeners(0);
  #revision = 0;
  #closed = false;

  constructor(thread: SqliteThread, queueCalls: number, now: () => number) {
    this.#thread = thread;
    this.#now = now;
    const groups = {
      maxItems: GROUP_REGISTRATIONS,
      maxWaiting: queueCalls,
      full: tooManyWaiting,
    };
    this.#commits = new Gather(groups, async (registrations) => {
      const outcomes = await this.#call('register', registrations);
      if (commits.hasSubscribers) commits.publish({ registrations: registrations.length });
      return outcomes;
    });
  }

  position() {
    return this.#call('position');
  }
  /** What is committed is on the disk, and whoever follows reads it there. */
  async isUnbroken() {
    return true;
  }
  register(registrations: readonly Registration[]) {
    return this.#commits.add(registrations);
  }
  async version(tenant: string, model: string, version: string) {
    return (await this.versions([{ tenant, model, version }]))[0];
  }
  versions(ids: readonly VersionId[]) {
    return this.#call('versions', ids, this.#now());
  }
  lookUp(ids: readonly VersionId[]) {
    return this.#call('lookUp', ids);
  }
  deleteVersion(id: VersionId) {
    return this.#call('deleteVersion', id);
  }
  model(tenant: string, model: string) {
    return this.#call('model', tenant, model);
  }
  models(tenant: string, page: PageRequest) {
    return this.#call('models', tenant, page);
  }
  deleteModel(tenant: string, model: string) {
    return this.#call('deleteModel', tenant, model);
  }
  setTraffic(tenant: string, model: string, traffic: Traffic, ifRevision?: number) {
    return this.#call('setTraffic', tenant, model, traffic, ifRevision);
  }
  strike(id: VersionId, preparedDigest: Digest, reason: string, crash: string) {
    return this.#call('strike', id, preparedDigest, reason, crash, this.#now());
  }
  withdrawStrikes(culprit: VersionId, crash: string) {
    return this.#call('withdrawStrikes', culprit, crash);
  }
  liftQuarantine(id: VersionId) {
    return this.#call('liftQuarantine', id, this.#now());
  }
  putModelSettings(tenant: string, model: string, settings: ModelSettings) {
    return this.#call('putModelSettings', tenant, model, settings);
  }
  tenant(tenant: string) {
    return this.#call('tenant', tenant);
  }
  tenants(page: PageRequest): Promise<Page<{ tenant: string; settings: TenantSettings; revision: number }>> {
    return this.#call('tenants', page);
  }
  putTenant(tenant: string, settings: TenantSettings) {
    return this.#call('putTenant', tenant, settings);
  }
  deleteTenant(tenant: string) {
    return this.#call('deleteTenant', tenant);
  }

  /**
   * The pages are read one after the other, each as of its own moment, and all carry the position from before
   * the first: no read transaction is held open for a slow reader. What changed meanwhile may or may not be in
   * the pages, but it is in the log after that position; an entry that is newer says so in its own revision.
   */
  async *snapshot(): AsyncGenerator<RoutingPage> {
    const position = await this.position();
    if (position === undefined) throw new ShoalError('STORE_UNAVAILABLE', 'registry: it has no history');
    // An empty registry has one empty page, so that its position is known.
    yield { position, entries: [] };
    const readTenants = (after: string) => this.#call('snapshotTenants', after, PAGE_ENTRIES);
    const tenants = pagesOf('', paged(PAGE_ENTRIES, readTenants, lastTenant));
    for await (const rows of tenants) yield { position, entries: await this.#specs.resolve(rows) };
    const readModels = (after: ModelName) => this.#call('snapshotModels', after, PAGE_ENTRIES);
    const models = pagesOf(FIRST_MODEL, paged(PAGE_ENTRIES, readModels, lastModel));
    for await (const rows of models) yield { position, entries: await this.#specs.resolve(rows) };
    if ((await this.position())?.history !== position.history)
      throw new RevisionGapError('another history began while the snapshot was read');
  }

  async *follow(from: Position, signal: AbortSignal): AsyncGenerator<RoutingPage> {
    let position = from;
    while (!signal.aborted && !this.#closed) {
      const page = await this.#call('changes', position, PAGE_ENTRIES);
      if (page === undefined) {
        throw new RevisionGapError(`the change log doesn't reach back to revision ${position.revision}`);
      }
      if (page.entries.length > 0) {
        position = { history: from.history, revision: page.revision };
        yield { position, entries: await this.#specs.resolve(page.entries) };
      } else if (this.#revision <= position.revision) {
        await this.#change(signal);
      }
    }
  }

  record(tenant: string, model?: string) {
    return this.#call('record', tenant, model);
  }

  async *records(): AsyncGenerator<readonly RegistryRecord[]> {
    const readTenants = (after: string) => this.#call('tenantRecords', after, PAGE_RECORDS);
    yield* pagesOf('', paged(PAGE_RECORDS, readTenants, lastTenant));
    const readModels = (after: ModelName) => this.#call('modelRecords', after, PAGE_RECORDS);
    yield* pagesOf(FIRST_MODEL, paged(PAGE_RECORDS, readModels, lastModel));
  }

  async restore(pages: AsyncIterable<readonly RegistryRecord[]>): Promise<Position> {
    await this.#call('beginRestore');
    // Who follows sees that this history is over.
    this.#changed.emit('change');
    for await (const page of pages) await this.#call('restore', page);
    return this.#call('endRestore');
  }

  async *digests(): AsyncGenerator<Digest[]> {
    let after: VersionId = { tenant: '', model: '', version: '' };
    for (;;) {
      const page = await this.#call('digests', after, PAGE_ENTRIES);
      if (page === undefined) return;
      yield page.digests;
      after = page.last;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    this.#changed.emit('change');
    try {
      await this.#send('close', []);
    } finally {
      await this.#thread.end();
    }
  }

  async #change(signal: AbortSignal): Promise<void> {
    try {
      await once(this.#changed, 'change', { signal });
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  async #call<K extends keyof Operations>(
    operation: K,
    ...args: Parameters<Operations[K]>
  ): Promise<ReturnType<Operations[K]>> {
    if (this.#closed) throw closed();
    return this.#send(operation, args);
  }

  async #send<K extends keyof Operations>(
    operation: K,
    args: Parameters<Operations[K]>,
  ): Promise<ReturnType<Operations[K]>> {
    const { value, revision } = (await this.#thread.call(operation, args)) as Reply;
    if (revision > this.#revision) {
      this.#revision = revision;
      this.#changed.emit('change');
    }
    return value as ReturnType<Operations[K]>;
  }
}

/** A page that isn't full is the last. */
function paged<Cursor, Row>(
  size: number,
  read: (after: Cursor) => Promise<Row[]>,
  lastOf: (rows: readonly Row[]) => Cursor,
) {
  return async (after: Cursor) => {
    const rows = await read(after);
    return { rows, next: rows.length < size ? undefined : lastOf(rows) };
  };
}

function lastTenant(rows: readonly { tenant: string }[]): string {
  return rows.at(-1)?.tenant ?? '';
}

function lastModel(rows: readonly (RowEntry<number> | RegistryRecord)[]): ModelName {
  const last = rows.at(-1);
  if (last?.kind !== 'model') throw new Error('a page of models ends with something else');
  return last;
}
