import type { Digest } from '../../core/ids.ts';
import type { Limits } from '../../core/limits.ts';
import type { Traffic } from '../../core/traffic-split.ts';
import type { ServingSpec } from '../../model/serving-spec.ts';
import type { Position } from './position.ts';
import type { RegistryRecord } from './records.ts';
import type { RowEntry } from './rows.ts';
import type {
  ModelRecord,
  ModelSettings,
  ModelSummary,
  Page,
  PageRequest,
  RegisterOutcome,
  Registration,
  StrikeOutcome,
  TenantRecord,
  TenantSettings,
  VersionId,
  VersionLookup,
  VersionRecord,
} from './registry.ts';

/** What crosses between the SQLite registry's client and the thread that owns the database. */
export interface Operations {
  position(): Position | undefined;
  register(registrations: readonly Registration[]): RegisterOutcome[];
  versions(ids: readonly VersionId[], nowMs: number): (VersionRecord | undefined)[];
  lookUp(ids: readonly VersionId[]): VersionLookup[];
  digests(after: VersionId, limit: number): { digests: Digest[]; last: VersionId } | undefined;
  deleteVersion(id: VersionId): { revision: number };
  model(tenant: string, model: string): ModelRecord | undefined;
  models(tenant: string, page: PageRequest): Page<ModelSummary>;
  deleteModel(tenant: string, model: string): { revision: number };
  setTraffic(tenant: string, model: string, traffic: Traffic, ifRevision: number | undefined): ModelRecord;
  strike(id: VersionId, preparedDigest: Digest, reason: string, crash: string, nowMs: number): StrikeOutcome;
  withdrawStrikes(culprit: VersionId, crash: string): number;
  liftQuarantine(id: VersionId, nowMs: number): VersionRecord;
  putModelSettings(tenant: string, model: string, settings: ModelSettings): ModelRecord;
  tenant(tenant: string): TenantRecord | undefined;
  tenants(page: PageRequest): Page<TenantRecord>;
  putTenant(tenant: string, settings: TenantSettings): TenantRecord;
  deleteTenant(tenant: string): { revision: number };
  snapshotTenants(after: string, limit: number): RowEntry<number>[];
  snapshotModels(after: ModelName, limit: number): RowEntry<number>[];
  /** Undefined: the log doesn't reach back to `after`. */
  changes(after: Position, limit: number): { revision: number; entries: RowEntry<number>[] } | undefined;
  record(tenant: string, model: string | undefined): RegistryRecord | undefined;
  tenantRecords(after: string, limit: number): RegistryRecord[];
  modelRecords(after: ModelName, limit: number): RegistryRecord[];
  beginRestore(): void;
  restore(records: readonly RegistryRecord[]): void;
  endRestore(): Position;
  specs(ids: readonly number[]): ServingSpec[];
  close(): void;
}

export interface Call<K extends keyof Operations = keyof Operations> {
  readonly operation: K;
  readonly args: Parameters<Operations[K]>;
}

/** The thread's answer, with the revision after the call. */
export interface Reply {
  readonly value: unknown;
  readonly revision: number;
}

export interface ThreadData {
  readonly path: string;
  readonly limits: RegistryLimits;
}

export type RegistryLimits = Pick<
  Limits,
  'versionsPerModel' | 'changeLogEntries' | 'registryQueueCalls' | 'strikes' | 'strikeMs'
>;

export interface ModelName {
  readonly tenant: string;
  readonly model: string;
}
