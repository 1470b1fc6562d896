import type { ErrorCode } from '../../core/errors.ts';
import type { Digest } from '../../core/ids.ts';
import type { Traffic } from '../../core/traffic-split.ts';
import type { ModelConfig } from '../../model/config.ts';
import type { ExecutorChoice } from '../../model/executor-choice.ts';
import type { ServingSpec } from '../../model/serving-spec.ts';
import type { Position } from './position.ts';
import type { RegistryRecord } from './records.ts';

/**
 * What is registered and which version serves. Every change commits atomically with the next revision and an
 * entry in the change log. Reads see everything acknowledged before. Unreachable or full: STORE_UNAVAILABLE.
 *
 * A registry without a history (it is empty where it should not be, or is being restored) tells and changes nothing:
 * all but `position`, `record`, `records` and `restore` throw STORE_UNAVAILABLE.
 */
export interface Registry {
  /** Where the change log ends. Undefined: there is no history, or it has lost changes that this process knows of. */
  position(): Promise<Position | undefined>;
  /**
   * Whether the store has run without a break since the history began. After one it may lack changes that nobody
   * acknowledged but followers have seen: it takes none until another history has begun.
   */
  isUnbroken(): Promise<boolean>;

  /** Registers versions, each on its own terms, in one commit: one outcome a registration, in order. */
  register(registrations: readonly Registration[]): Promise<RegisterOutcome[]>;
  version(tenant: string, model: string, version: string): Promise<VersionRecord | undefined>;
  /** Several at once, in order. */
  versions(ids: readonly VersionId[]): Promise<(VersionRecord | undefined)[]>;
  /** What a registration asks before anything is admitted, several at once, in order. */
  lookUp(ids: readonly VersionId[]): Promise<VersionLookup[]>;
  /** IN_USE while in traffic, VERSION_NOT_FOUND. */
  deleteVersion(id: VersionId): Promise<{ revision: number }>;

  model(tenant: string, model: string): Promise<ModelRecord | undefined>;
  models(tenant: string, page: PageRequest): Promise<Page<ModelSummary>>;
  /** Its versions and traffic with it. MODEL_NOT_FOUND. */
  deleteModel(tenant: string, model: string): Promise<{ revision: number }>;
  /**
   * MODEL_NOT_FOUND, VERSION_NOT_FOUND and MODEL_QUARANTINED (both name the role; a version in quarantine keeps a
   * role that it has), REVISION_CONFLICT (with the current one) when `ifRevision` is given and is not the model's.
   */
  setTraffic(tenant: string, model: string, traffic: Traffic, ifRevision?: number): Promise<ModelRecord>;

  /**
   * A crash that a version is blamed for, counted once however often it is told, within `limits.strikeMs`; the `limits.strikes`th puts it in
   * quarantine, which is a change like any other. In quarantine it takes no more of them. VERSION_NOT_FOUND also
   * when its prepared digest is another by now. `crash` names the crash, whose other versions may get one too.
   */
  strike(id: VersionId, preparedDigest: Digest, reason: string, crash: string): Promise<StrikeOutcome>;
  /**
   * Takes back the strikes that other versions, unless in quarantine, have for this crash and for all that this
   * version has a strike for: it is the culprit. Resolves with how many; no change in the log.
   */
  withdrawStrikes(culprit: VersionId, crash: string): Promise<number>;
  /** Forgets its strikes too; nothing changes when it is in none. VERSION_NOT_FOUND. */
  liftQuarantine(id: VersionId): Promise<VersionRecord>;
  /** MODEL_NOT_FOUND. */
  putModelSettings(tenant: string, model: string, settings: ModelSettings): Promise<ModelRecord>;

  tenant(tenant: string): Promise<TenantRecord | undefined>;
  tenants(page: PageRequest): Promise<Page<TenantRecord>>;
  putTenant(tenant: string, settings: TenantSettings): Promise<TenantRecord>;
  /** With all its models. TENANT_NOT_FOUND. Registering under the name again is TENANT_DELETED until PUT anew. */
  deleteTenant(tenant: string): Promise<{ revision: number }>;

  /**
   * Everything a routing table holds, in pages so that memory stays flat; the first may be empty. All have the same
   * position; entries may be newer, and whoever follows from there ends with the truth. Throws RevisionGapError when
   * another history begins meanwhile.
   */
  snapshot(): AsyncIterable<RoutingPage>;
  /**
   * Changes after `position`, oldest first, as they happen, until `signal` aborts. An entry carries the state
   * as of now, which may be newer than asked. Throws RevisionGapError when the log doesn't reach back so far, the
   * history is another one, or the registry is behind the position.
   */
  follow(position: Position, signal: AbortSignal): AsyncIterable<RoutingPage>;

  /** A model, or the tenant itself, deleted tenants too. Undefined: it knows nothing of it. */
  record(tenant: string, model?: string): Promise<RegistryRecord | undefined>;
  /** All that `record` would tell, tenants first, in pages that are each as of their own moment. */
  records(): AsyncIterable<readonly RegistryRecord[]>;
  /**
   * Puts every record as it is, with its own revisions, in the place of what has that name; the rest stays. There is
   * no history while it runs, nor when it fails. Then a new one begins, with a revision above all before.
   */
  restore(pages: AsyncIterable<readonly RegistryRecord[]>): Promise<Position>;

  /** The digests of all that versions have, artifacts as registered and what workers load, in pages, with repetitions. */
  digests(): AsyncIterable<Digest[]>;

  close(): Promise<void>;
}

/** Diagnostics channel on which an implementation tells of every commit of registrations: `{ registrations: number }`. */
export const COMMIT_CHANNEL = 'shoal:registry:commit';

export class RevisionGapError extends Error {
  override readonly name = 'RevisionGapError';
}

export interface VersionId {
  readonly tenant: string;
  readonly model: string;
  readonly version: string;
}

/** What admission found out about an artifact, whatever its name. */
export interface AdmittedArtifact {
  /** The artifact as registered. */
  readonly digest: Digest;
  readonly bytes: number;
  /**
   * What workers load: a plan, or the prepared artifact, which is equal to `digest` when nothing had to be prepared.
   */
  readonly preparedDigest: Digest;
  readonly executor: ExecutorChoice;
  readonly spec: ServingSpec;
  readonly resources: Resources;
}

export interface Resources {
  readonly residentBytes: number;
  readonly loadMs: number;
  readonly runMs: number;
}

export interface Registration extends VersionId {
  readonly artifact: AdmittedArtifact;
  readonly config: ModelConfig;
  readonly activate: boolean;
}

export interface VersionRecord extends VersionId {
  readonly artifact: AdmittedArtifact;
  readonly config: ModelConfig;
  /** The revision at which it was registered. */
  readonly revision: number;
  /** Crashes that it is blamed for, not counting those too long ago. */
  readonly strikes: number;
  /** Set: it is not served. */
  readonly quarantine?: Quarantine;
}

export interface Quarantine {
  /** What it did, in words for the caller that go on after "it". */
  readonly reason: string;
  /** ISO 8601 */
  readonly since: string;
}

export interface StrikeOutcome {
  /** Those that count now, this one included. */
  readonly strikes: number;
  /** Whether this one put it in quarantine. */
  readonly quarantined: boolean;
  /** Whether it is in quarantine, since now or before. */
  readonly guilty: boolean;
}

export interface ModelSettings {
  /** So many workers keep the model loaded, asked for or not; 0: none does. */
  readonly minCopies: number;
}

export interface VersionLookup {
  /** The model's stable version. */
  readonly stable?: string;
  /** The version, when it is there. */
  readonly present?: {
    readonly digest: Digest;
    readonly preparedDigest: Digest;
    readonly executor: ExecutorChoice;
    /** sha256 of the config's canonical JSON, in hex. */
    readonly configHash: string;
    readonly revision: number;
  };
  /** Why a version that isn't there can not be registered now. */
  readonly refusal?: Refusal;
}

export interface Refusal {
  readonly code: ErrorCode;
  readonly message: string;
}

export type RegisterOutcome =
  | {
      readonly status: 'registered' | 'unchanged';
      readonly revision: number;
      /** Whether the version is the stable one now. */
      readonly activated: boolean;
    }
  | ({ readonly status: 'rejected' } & Refusal);

export interface ModelRecord {
  readonly tenant: string;
  readonly model: string;
  readonly traffic: Traffic;
  readonly settings: ModelSettings;
  readonly versions: readonly string[];
  /** Those of them that are not served. */
  readonly quarantined: readonly ({ readonly version: string } & Quarantine)[];
  /** Of the last change to the model: its traffic, settings, set of versions or their quarantine. */
  readonly revision: number;
}

export interface ModelSummary {
  readonly model: string;
  readonly stable: string | null;
  readonly versions: number;
}

export interface TenantSettings {
  readonly shardSize?: number;
  readonly weight?: number;
  readonly labels?: Readonly<Record<string, string>>;
  readonly quotas?: Readonly<Record<string, number>>;
}

export interface TenantRecord {
  readonly tenant: string;
  readonly settings: TenantSettings;
  readonly revision: number;
}

export interface PageRequest {
  readonly pageSize: number;
  /** The last name of the page before. */
  readonly after?: string;
}

export interface Page<T> {
  readonly items: readonly T[];
  readonly next?: string;
}

/** With its entries everything up to the position is known. */
export interface RoutingPage {
  readonly position: Position;
  readonly entries: readonly RoutingEntry[];
}

/** One change as a router needs it. A deletion carries no state. */
export type RoutingEntry =
  | {
      readonly kind: 'model';
      readonly tenant: string;
      readonly model: string;
      readonly revision: number;
      /** Undefined: deleted. */
      readonly state?: RoutingState;
    }
  | {
      readonly kind: 'tenant';
      readonly tenant: string;
      readonly revision: number;
      /** Undefined: deleted, with all its models. */
      readonly settings?: TenantSettings;
    };

export interface RoutingState {
  readonly traffic: Traffic;
  /** Absent: 0, as for nearly all. */
  readonly minCopies?: number;
  readonly versions: readonly RoutingVersion[];
}

/** `spec` objects that are equal are one object: hundreds of thousands of models share a few shapes. */
export interface RoutingVersion {
  readonly version: string;
  readonly preparedDigest: Digest;
  readonly residentBytes: number;
  readonly spec: ServingSpec;
  readonly quarantine?: Quarantine;
}
