import { channel } from 'node:diagnostics_channel';
import { Gather } from '../../../core/gather.ts';
import type { Digest } from '../../../core/ids.ts';
import type { Limits } from '../../../core/limits.ts';
import type { Traffic } from '../../../core/traffic-split.ts';
import type { Fence } from '../../leader/leader.ts';
import type { RedisConnection } from '../../redis/connection.ts';
import type { Position } from '../position.ts';
import type { RegistryRecord } from '../records.ts';
import { tooManyWaiting } from '../refusals.ts';
import {
  COMMIT_CHANNEL,
  type ModelSettings,
  type PageRequest,
  type RegisterOutcome,
  type Registration,
  type Registry,
  type TenantSettings,
  type VersionId,
} from '../registry.ts';
import { Calls } from './calls.ts';
import { Changes } from './changes.ts';
import { weightOf } from './encode.ts';
import { followChanges } from './follow.ts';
import { History } from './history.ts';
import { Reads } from './reads.ts';
import { Scans } from './scans.ts';

const commits = channel(COMMIT_CHANNEL);

/** Of one script, so that Redis, which does nothing else meanwhile, is held up for a few milliseconds. */
const GROUP_WEIGHT = 100;

export type RedisRegistryLimits = Pick<
  Limits,
  'versionsPerModel' | 'changeLogEntries' | 'registryQueueCalls' | 'strikes' | 'strikeMs' | 'redisBlockMs'
>;

export interface RedisRegistryDeps {
  /** Stays the caller's. */
  readonly redis: RedisConnection;
  readonly limits: RedisRegistryLimits;
  /** What this process writes under; undefined: it doesn't lead, and changes nothing. */
  readonly fence: () => Fence | undefined;
  /**
   * Redis has no history, or another one, or has (or may have) lost changes. Told each time that it is seen, before the call that saw
   * it ends; who leads makes no change from then on until it has compared Redis with what was acknowledged.
   */
  readonly onWentBack: () => void;
  /** The time of strikes, in milliseconds since 1970; absent: Redis' clock, one for all managers. */
  readonly nowMs?: () => number;
}

/**
 * The registry in Redis, for any number of processes. Every change is one script, which Redis runs as one atomic command:
 * it is there as a whole, with its revision and its entries in the log, or not at all. That takes all keys of an
 * installation in one slot, so on a Redis Cluster it works, and lives on one shard of it: revisions are one sequence,
 * and half a million models fit. A Redis that was never written to has no history; `restore` begins one. After a restart
 * or a failover nothing is changed until another history has begun: followers may know revisions that were lost.
 */
export function openRedisRegistry(deps: RedisRegistryDeps): Registry {
  return new RedisRegistry(deps);
}

class RedisRegistry implements Registry {
  readonly #calls: Calls;
  readonly #reads: Reads;
  readonly #changes: Changes;
  readonly #scans: Scans;
  readonly #commits: Gather<Registration, RegisterOutcome>;
  readonly #blockMs: number;
  readonly #closing = new AbortController();

  constructor({ redis, limits, nowMs, ...told }: RedisRegistryDeps) {
    const history = new History(told);
    this.#calls = new Calls({ redis, limits, history, ...(nowMs === undefined ? {} : { nowMs }) });
    this.#reads = new Reads(this.#calls, limits, nowMs);
    this.#changes = new Changes(this.#calls, this.#reads, limits);
    this.#scans = new Scans(this.#calls, this.#reads);
    this.#blockMs = limits.redisBlockMs;
    const groups = { maxItems: GROUP_WEIGHT, maxWaiting: limits.registryQueueCalls, full: tooManyWaiting };
    const commit = async (registrations: readonly Registration[]): Promise<RegisterOutcome[]> => {
      const outcomes = await this.#changes.register(registrations);
      if (commits.hasSubscribers) commits.publish({ registrations: registrations.length });
      return outcomes;
    };
    this.#commits = new Gather(groups, commit, weightOf);
  }

  position() {
    return this.#calls.position();
  }
  isUnbroken() {
    return this.#calls.isUnbroken();
  }
  register(registrations: readonly Registration[]) {
    return this.#commits.add(registrations);
  }
  async version(tenant: string, model: string, version: string) {
    return (await this.versions([{ tenant, model, version }]))[0];
  }
  versions(ids: readonly VersionId[]) {
    return this.#reads.versions(ids);
  }
  lookUp(ids: readonly VersionId[]) {
    return this.#reads.lookUp(ids);
  }
  deleteVersion(id: VersionId) {
    return this.#changes.deleteVersion(id);
  }
  model(tenant: string, model: string) {
    return this.#reads.model(tenant, model);
  }
  models(tenant: string, page: PageRequest) {
    return this.#reads.models(tenant, page);
  }
  deleteModel(tenant: string, model: string) {
    return this.#changes.deleteModel(tenant, model);
  }
  setTraffic(tenant: string, model: string, traffic: Traffic, ifRevision?: number) {
    return this.#changes.setTraffic(tenant, model, traffic, ifRevision);
  }
  strike(id: VersionId, preparedDigest: Digest, reason: string, crash: string) {
    return this.#changes.strike(id, preparedDigest, reason, crash);
  }
  withdrawStrikes(culprit: VersionId, crash: string) {
    return this.#changes.withdrawStrikes(culprit, crash);
  }
  liftQuarantine(id: VersionId) {
    return this.#changes.liftQuarantine(id);
  }
  putModelSettings(tenant: string, model: string, settings: ModelSettings) {
    return this.#changes.putModelSettings(tenant, model, settings);
  }
  tenant(tenant: string) {
    return this.#reads.tenant(tenant);
  }
  tenants(page: PageRequest) {
    return this.#reads.tenants(page);
  }
  putTenant(tenant: string, settings: TenantSettings) {
    return this.#changes.putTenant(tenant, settings);
  }
  deleteTenant(tenant: string) {
    return this.#changes.deleteTenant(tenant);
  }
  snapshot() {
    return this.#scans.snapshot();
  }
  follow(position: Position, signal: AbortSignal) {
    const follower = { calls: this.#calls, specs: this.#scans.specs, blockMs: this.#blockMs };
    return followChanges(follower, position, AbortSignal.any([signal, this.#closing.signal]));
  }
  record(tenant: string, model?: string) {
    return this.#scans.record(tenant, model);
  }
  records() {
    return this.#scans.records();
  }
  restore(pages: AsyncIterable<readonly RegistryRecord[]>) {
    return this.#changes.restore(pages);
  }
  digests() {
    return this.#scans.digests();
  }

  async close(): Promise<void> {
    this.#calls.close();
    this.#closing.abort();
  }
}
