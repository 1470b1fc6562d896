import type { RedisConnection } from '../../redis/connection.ts';
import type { Position } from '../position.ts';
import { RevisionGapError, type RoutingPage } from '../registry.ts';
import type { RowEntry } from '../rows.ts';
import type { SharedSpecs } from '../shared-specs.ts';
import type { Calls } from './calls.ts';
import { entryOf, readModel } from './fields.ts';
import { MODELS_AT_ONCE, READ, readTenant } from './reads.ts';

/** What an entry of the log names. Without a model: the tenant itself. */
interface Change {
  readonly revision: number;
  readonly tenant: string;
  readonly model: string | undefined;
}

export interface Follower {
  readonly calls: Calls;
  readonly specs: SharedSpecs<string>;
  readonly blockMs: number;
}

/**
 * Waits for entries of the log on a connection of its own, and reads what they name as it is now: many changes with
 * one read, and what changed several times once. Ends when the signal aborts.
 */
export async function* followChanges(
  { calls, specs, blockMs }: Follower,
  from: Position,
  signal: AbortSignal,
): AsyncGenerator<RoutingPage> {
  if (signal.aborted) return;
  const waiting = calls.redis.forWaiting(blockMs);
  const stop = (): void => waiting.close();
  signal.addEventListener('abort', stop, { once: true });
  try {
    let position = from;
    await calls.readAt(position, READ, []);
    while (!signal.aborted) {
      const changes = await changesAfter(waiting, calls.redis.key('changes'), position.revision, blockMs);
      if (changes.length === 0) {
        // Redis may have gone back, or have another history, without a word.
        await calls.readAt(position, READ, []);
        continue;
      }
      checkReachesBack(changes, position);
      position = { history: position.history, revision: changes.at(-1)?.revision ?? position.revision };
      const rows = await stateOf(calls, position, changes);
      yield { position, entries: await specs.resolve(rows) };
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    signal.removeEventListener('abort', stop);
    waiting.close();
  }
}

/** None: nothing came within `blockMs`. */
async function changesAfter(
  redis: RedisConnection,
  key: string,
  revision: number,
  blockMs: number,
): Promise<Change[]> {
  const reply = await redis.call('changes', (client) =>
    client.xread('COUNT', MODELS_AT_ONCE, 'BLOCK', blockMs, 'STREAMS', key, `${revision}-0`),
  );
  const entries = reply?.[0]?.[1] ?? [];
  return entries.map(([id, [, tenant = '', , model]]) => ({
    revision: Number.parseInt(id, 10),
    tenant,
    model,
  }));
}

/** Revisions of a history are consecutive, one an entry. */
function checkReachesBack([first]: readonly Change[], { revision }: Position): void {
  if (first === undefined || first.revision === revision + 1) return;
  throw new RevisionGapError(`the change log doesn't reach back to revision ${revision}`);
}

async function stateOf(
  calls: Calls,
  position: Position,
  changes: readonly Change[],
): Promise<RowEntry<string>[]> {
  // Only the last mention: the state is the same for all of them.
  const latest = new Map<string, Change>();
  for (const change of changes) {
    const name = change.model === undefined ? change.tenant : `${change.tenant}/${change.model}`;
    latest.delete(name);
    latest.set(name, change);
  }
  const [, ...found] = (await calls.readAt(position, READ, [...latest.keys()])) as [string, ...string[][]];
  return [...latest.values()].map((change, index) => entryOfChange(change, found[index] ?? []));
}

function entryOfChange({ tenant, model, revision }: Change, found: readonly string[]): RowEntry<string> {
  if (model !== undefined) {
    const fields = readModel(found);
    return fields === undefined ? { kind: 'model', tenant, model, revision } : entryOf(tenant, model, fields);
  }
  const owner = readTenant(tenant, found[0] ?? String(revision));
  return { kind: 'tenant', ...owner };
}
