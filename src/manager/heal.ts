import type { Logger } from 'pino';
import { ShoalError } from '../core/errors.ts';
import type { Position } from '../stores/registry/position.ts';
import type { RegistryRecord } from '../stores/registry/records.ts';
import type { Registry } from '../stores/registry/registry.ts';
import { Comparison } from '../stores/records/comparison.ts';
import { type Head, nameText, type Name, tombstoneOf } from '../stores/records/record-keys.ts';
import type { RecordObjects } from '../stores/records/records.ts';

/** Records that are fetched, or written, together. */
const AT_ONCE = 200;
/**
 * How far above all that is known a history begins when the one before was lost: what a leader of that one is still
 * writing must not have a revision of the new one.
 */
const LOST_REVISIONS = 1_000_000;
/** A name that nobody can have. */
const NOBODY: Name = { tenant: '_', model: '_' };

const BOTH_EMPTY =
  'Redis and the object store are both empty, and this manager knows that there were models: neither is taken for the truth. Look whether bucket and prefix are right, and restore what was lost; if all of it is meant to be gone, start the managers anew';

export interface HealDeps {
  readonly registry: Pick<Registry, 'position' | 'isUnbroken' | 'record' | 'records' | 'restore'>;
  readonly records: RecordObjects;
  readonly logger: Logger;
  /**
   * Resolves when no other process can still acknowledge changes to what the registry was before it went back: it may
   * have lost who leads too.
   */
  readonly othersEnded: () => Promise<void>;
  /** This process has seen changes of the registry: that both sides are empty is not the truth then. */
  readonly hasSeenChanges?: boolean;
  /** Ends it half done. */
  readonly signal: AbortSignal;
}

export interface Healed {
  readonly position: Position;
  /** The registry had lost changes, or everything. */
  readonly wentBack: boolean;
  /** Put back into the registry. */
  readonly restored: number;
  /** Changes of a leader that did not get to their records. */
  readonly written: number;
  /** Records that can't be read, by key and why; the registry keeps what it has of these. */
  readonly corrupt: readonly string[];
}

/**
 * Makes registry and records agree, for the manager that leads, while nothing else changes either: what is newer holds.
 * An empty registry is filled; with no records either, a history begins. May be done again after any failure.
 */
export async function healRegistry(deps: HealDeps): Promise<Healed> {
  const { registry, records, othersEnded, signal } = deps;
  const isUnbroken = await registry.isUnbroken();
  let position = await registry.position();
  let heads = await records.heads();
  const isBehind = heads.highest > (position?.revision ?? 0);
  if (isBehind || (position !== undefined && !isUnbroken)) {
    await othersEnded();
    position = await registry.position();
    heads = await records.heads();
  }
  const comparison = new Comparison(heads);
  let isEmpty = heads.size === 0;
  for await (const page of registry.records()) {
    signal.throwIfAborted();
    isEmpty &&= page.length === 0;
    for (const record of page) comparison.see(record);
  }
  if (isEmpty && deps.hasSeenChanges === true) throw new ShoalError('STORE_UNAVAILABLE', BOTH_EMPTY);
  await checkStillAt(registry, position);
  const { restore, write, wentBack } = comparison.end(position);
  for (const names of chunks(write)) await Promise.all(names.map((name) => writeRecord(deps, name)));
  const corrupt: string[] = [];
  const found = readable(deps, restore, corrupt);
  const first = await found.next();
  const mustBegin = wentBack || !isUnbroken;
  // For what can't be read no other history has to begin, time and again.
  if (mustBegin || first.done !== true) {
    const highest = Math.max(heads.highest, position?.revision ?? 0);
    const floor = mustBegin && highest > 0 ? highest + LOST_REVISIONS : 0;
    position = await registry.restore(pages(first, found, floor));
  }
  if (position === undefined) throw new Error('a registry without a history has not gone back');
  return { position, wentBack, restored: restore.length - corrupt.length, written: write.length, corrupt };
}

/** What was seen of a registry that was emptied meanwhile is not there any more. */
async function checkStillAt(registry: HealDeps['registry'], before: Position | undefined): Promise<void> {
  const after = await registry.position();
  if (after?.history === before?.history && after?.revision === before?.revision) return;
  throw new ShoalError('STORE_UNAVAILABLE', 'registry: it changed while it was compared');
}

async function writeRecord({ registry, records }: HealDeps, { tenant, model }: Name): Promise<void> {
  const record = await registry.record(tenant, model);
  if (record !== undefined) await records.put(record);
}

type Records = AsyncGenerator<readonly RegistryRecord[], void>;

async function* readable(deps: HealDeps, heads: readonly Head[], corrupt: string[]): Records {
  for (const some of chunks(heads)) {
    deps.signal.throwIfAborted();
    const read = await Promise.all(some.map((head) => fetchRecord(deps, head, corrupt)));
    const records = read.filter((record) => record !== undefined);
    if (records.length > 0) yield records;
  }
}

async function* pages(first: Awaited<ReturnType<Records['next']>>, rest: Records, floor: number): Records {
  if (first.done !== true) yield first.value;
  yield* rest;
  if (floor > 0) yield [tombstoneOf({ ...NOBODY, revision: floor, gone: true })];
}

async function fetchRecord(
  { records, logger }: HealDeps,
  head: Head,
  corrupt: string[],
): Promise<RegistryRecord | undefined> {
  if (head.gone) return tombstoneOf(head);
  const read = await records.get(head);
  if (read !== undefined && 'record' in read) return read.record;
  const why = read === undefined ? 'is gone' : read.corrupt;
  logger.error({ record: nameText(head), revision: head.revision }, `a record in the object store ${why}`);
  corrupt.push(`${nameText(head)} at revision ${head.revision}: it ${why}`);
  return undefined;
}

function* chunks<T>(items: readonly T[]): Generator<readonly T[]> {
  for (let at = 0; at < items.length; at += AT_ONCE) yield items.slice(at, at + AT_ONCE);
}
