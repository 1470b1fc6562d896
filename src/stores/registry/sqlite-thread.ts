import { workerData } from 'piscina';
import type { DatabaseSync } from 'node:sqlite';
import { answerOf, type ThreadAnswer } from '../sqlite/thread.ts';
import { openRegistryFile } from './sqlite-file.ts';
import type { Call, Operations, Reply, ThreadData } from './sqlite-messages.ts';
import { Reads } from './sqlite-reads.ts';
import { Records } from './sqlite-records.ts';
import { Strikes } from './sqlite-strikes.ts';
import { Tables } from './sqlite-tables.ts';
import { Writes } from './sqlite-writes.ts';

interface Opened {
  readonly operations: Operations;
  readonly tables: Tables;
}

/** What a registry without a history can be asked. */
const WITHOUT_HISTORY: ReadonlySet<keyof Operations> = new Set([
  'position',
  // It says so itself.
  'changes',
  'record',
  'tenantRecords',
  'modelRecords',
  'specs',
  'beginRestore',
  'restore',
  'endRestore',
  'close',
] as const);

let opened: Opened | undefined;

export default function run(call: Call): ThreadAnswer {
  return answerOf('registry', (): Reply => {
    opened ??= openTables(workerData as ThreadData);
    if (!WITHOUT_HISTORY.has(call.operation)) opened.tables.checkHistory();
    const operation = opened.operations[call.operation] as (...args: unknown[]) => unknown;
    const value = operation(...call.args);
    return { value, revision: opened.tables.revision };
  });
}

function openTables({ path, limits }: ThreadData): Opened {
  const db = openRegistryFile(path);
  try {
    const tables = new Tables(db, limits);
    return { tables, operations: operationsOn(db, tables) };
  } catch (error) {
    db.close();
    throw error;
  }
}

function operationsOn(db: DatabaseSync, tables: Tables): Operations {
  const reads = new Reads(tables);
  const writes = new Writes(tables);
  const strikes = new Strikes(tables);
  const records = new Records(tables, reads, writes);
  return {
    position: () => tables.position,
    register: (registrations) => writes.register(registrations),
    versions: (ids, nowMs) => ids.map((id) => reads.version(id, nowMs)),
    lookUp: (ids) => ids.map((id) => reads.lookUp(id)),
    digests: (after, limit) => reads.digests(after, limit),
    deleteVersion: (id) => ({ revision: writes.deleteVersion(id) }),
    model: (tenant, model) => reads.model(tenant, model),
    models: (tenant, page) => reads.models(tenant, page),
    deleteModel: (tenant, model) => ({ revision: writes.deleteModel(tenant, model) }),
    setTraffic(tenant, model, traffic, ifRevision) {
      writes.setTraffic(tenant, model, traffic, ifRevision);
      return there(reads.model(tenant, model));
    },
    strike: (id, preparedDigest, reason, crash, nowMs) =>
      strikes.strike(id, preparedDigest, reason, { atMs: nowMs, crash }),
    withdrawStrikes: (culprit, crash) => strikes.withdraw(culprit, crash),
    liftQuarantine(id, nowMs) {
      strikes.lift(id);
      return there(reads.version(id, nowMs));
    },
    putModelSettings(tenant, model, settings) {
      writes.putModelSettings(tenant, model, settings);
      return there(reads.model(tenant, model));
    },
    tenant: (tenant) => reads.tenant(tenant),
    tenants: (page) => reads.tenants(page),
    putTenant(tenant, settings) {
      writes.putTenant(tenant, settings);
      return there(reads.tenant(tenant));
    },
    deleteTenant: (tenant) => ({ revision: writes.deleteTenant(tenant) }),
    snapshotTenants: (after, limit) => reads.snapshotTenants(after, limit),
    snapshotModels: (after, limit) => reads.snapshotModels(after, limit),
    changes: (after, limit) => reads.changes(after, limit),
    record: (tenant, model) => records.record(tenant, model),
    tenantRecords: (after, limit) => records.tenantRecords(after, limit),
    modelRecords: (after, limit) => records.modelRecords(after, limit),
    beginRestore: () => records.begin(),
    restore: (page) => records.restore(page),
    endRestore: () => records.end(),
    specs: (ids) => reads.specs(ids),
    close: () => db.close(),
  };
}

/** Nothing else runs between a write and the read after it. */
function there<T>(record: T | undefined): T {
  if (record === undefined) throw new Error('a record that was just written is gone');
  return record;
}
