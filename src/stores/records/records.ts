import { ShoalError } from '../../core/errors.ts';
import type { Limits } from '../../core/limits.ts';
import { Turns } from '../../core/turns.ts';
import { canonicalJson } from '../../model/canonical-json.ts';
import type { ObjectStore } from '../objects/objects.ts';
import type { Position } from '../registry/position.ts';
import type { RegistryRecord } from '../registry/records.ts';
import { Heads, tenantHeads, type TenantHeads } from './heads.ts';
import {
  type Head,
  headOf,
  headOfRecord,
  keyOf,
  prefixOf,
  prefixOfTenant,
  RECORDS,
  SHARDS,
} from './record-keys.ts';
import { type ReadRecord, readRecord, recordText } from './record-text.ts';

/** Where a leader that ended in order left the registry. */
const CLEAN = `${RECORDS}clean`;
const DELETED_AT_ONCE = 1_000;

/**
 * The registry's records as objects: the durable truth. An object is written once and names its revision, so that a
 * listing tells what is newest; what is older stays until `tidy`. All methods throw STORE_UNAVAILABLE.
 */
export class RecordObjects {
  readonly #objects: ObjectStore;
  readonly #turns: Turns;

  constructor(objects: ObjectStore, limits: Pick<Limits, 'recordCalls' | 'recordsOwed'>) {
    this.#objects = objects;
    this.#turns = new Turns(limits.recordCalls, limits.recordsOwed, () => {
      const waiting = `${limits.recordsOwed} calls for records are waiting already`;
      return new ShoalError('STORE_UNAVAILABLE', `object store: ${waiting} (limit recordsOwed)`);
    });
  }

  /** Durable when it returns. */
  async put(record: RegistryRecord): Promise<void> {
    const bytes = Buffer.from(recordText(record));
    await this.#turns.run(() => this.#objects.put(keyOf(headOfRecord(record)), bytes));
  }

  /** Undefined: it isn't there (any more). */
  async get(head: Head): Promise<ReadRecord | undefined> {
    const bytes = await this.#turns.run(() => this.#objects.get(keyOf(head)));
    if (bytes === undefined) return undefined;
    const read = readRecord(bytes.toString());
    if ('record' in read && keyOf(headOfRecord(read.record)) !== keyOf(head))
      return { corrupt: 'is the record of another name or revision' };
    return read;
  }

  /** The newest revision of every name. */
  async heads(): Promise<Heads> {
    const heads = new Heads();
    await this.#walk((tenant) => heads.add(tenant));
    return heads;
  }

  /** The newest revisions of one tenant and its models. */
  async ofTenant(tenant: string): Promise<TenantHeads> {
    const keys: string[] = [];
    for await (const page of this.#objects.list(prefixOfTenant(tenant)))
      keys.push(...page.map(({ key }) => key));
    return tenantHeads(keys);
  }

  /** Deletes what newer objects have taken the place of; resolves with how many. */
  async tidy(signal: AbortSignal): Promise<number> {
    let deleted = 0;
    await this.#walk(async ({ leftovers }) => {
      for (let at = 0; at < leftovers.length && !signal.aborted; at += DELETED_AT_ONCE) {
        const some = leftovers.slice(at, at + DELETED_AT_ONCE);
        await this.#objects.deleteMany(some);
        deleted += some.length;
      }
    }, signal);
    return deleted;
  }

  /** Every acknowledged change has its record, and the registry is there: who leads next needs no comparison. */
  async leaveClean(position: Position): Promise<void> {
    await this.#objects.put(CLEAN, Buffer.from(canonicalJson(position)));
  }

  /** Whether the last leader left the registry clean and it is there still. True for one caller. */
  async takeClean(position: Position | undefined): Promise<boolean> {
    const left = await this.#objects.get(CLEAN);
    if (left === undefined) return false;
    // Before any change that would make it untrue.
    await this.#objects.delete(CLEAN);
    return position !== undefined && left.toString() === canonicalJson(position);
  }

  async #walk(visit: (tenant: TenantHeads) => void | Promise<void>, signal?: AbortSignal): Promise<void> {
    const walks = SHARDS.map((shard) => this.#walkShard(shard, visit, signal));
    const ended = await Promise.allSettled(walks);
    for (const each of ended) if (each.status === 'rejected') throw each.reason;
  }

  async #walkShard(
    shard: string,
    visit: (tenant: TenantHeads) => void | Promise<void>,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    let tenant: string | undefined;
    let keys: string[] = [];
    for await (const page of this.#objects.list(prefixOf(shard))) {
      if (signal?.aborted === true) return;
      for (const { key } of page) {
        const head = headOf(key);
        if (head === undefined) continue;
        if (head.tenant !== tenant && keys.length > 0) {
          await visit(tenantHeads(keys));
          keys = [];
        }
        tenant = head.tenant;
        keys.push(key);
      }
    }
    if (keys.length > 0) await visit(tenantHeads(keys));
  }
}
