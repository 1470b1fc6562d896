import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pino } from 'pino';
import { Registry as MetricsRegistry } from 'prom-client';
import { DEFAULT_LIMITS } from '../../src/core/limits.ts';
import { RegistryKeeper } from '../../src/manager/registry-keeper.ts';
import type { ObjectStore } from '../../src/stores/objects/objects.ts';
import { Installation } from '../../src/stores/records/installation.ts';
import { RecordObjects } from '../../src/stores/records/records.ts';
import type { RegistryRecord } from '../../src/stores/registry/records.ts';
import type { Registry } from '../../src/stores/registry/registry.ts';
import type { Candidate } from '../../src/stores/leader/leader.ts';
import { redisCandidate } from '../../src/stores/leader/redis.ts';
import { connectRedis } from '../../src/stores/redis/connection.ts';
import { parseRedisUrl } from '../../src/stores/redis/settings.ts';
import { openRedisRegistry } from '../../src/stores/registry/redis/redis.ts';
import { openSqliteRegistry } from '../../src/stores/registry/sqlite.ts';
import { ToldCandidate } from './told-candidate.ts';
import { until } from './until.ts';

export const KEPT_LIMITS = { ...DEFAULT_LIMITS, leaderLeaseMs: 50, recordRetryMs: 10, registryAskMs: 20 };

export const KEPT_REDIS_LIMITS = {
  ...KEPT_LIMITS,
  leaderLeaseMs: 600,
  redisRetryMs: 50,
  redisCallMs: 500,
  redisBlockMs: 200,
};

/** One manager's keeper, on a registry and objects that outlive it. */
export class Kept {
  readonly candidate = new ToldCandidate();
  readonly metrics = new MetricsRegistry();
  readonly records: RecordObjects;
  readonly keeper: RegistryKeeper;
  readonly registry: Registry;

  constructor(raw: Registry, objects: ObjectStore, limits = KEPT_LIMITS) {
    this.records = new RecordObjects(objects, limits);
    this.keeper = new RegistryKeeper({
      candidate: this.candidate,
      claim: () => Promise.resolve(),
      records: this.records,
      limits,
      logger: pino({ level: 'silent' }),
      metrics: this.metrics,
      now: () => performance.now(),
      random: Math.random,
    });
    this.registry = this.keeper.keep(raw);
  }

  /** Leads under this term, and takes changes. */
  async lead(term: number): Promise<this> {
    this.candidate.lead(term);
    await this.ready();
    return this;
  }

  ready(): Promise<void> {
    return until('the keeper takes changes', () => this.keeper.refusal() === undefined);
  }

  async metric(name: string): Promise<string[]> {
    const text = await this.metrics.metrics();
    return text.split('\n').filter((line) => line.startsWith(name));
  }
}

/** A SQLite registry that can be lost and be put back to what it was. */
export class LosableRegistry {
  readonly #directory = mkdtempSync(join(tmpdir(), 'shoal-kept-'));
  #files = 0;
  readonly #open: Registry[] = [];

  /** Another one, that knows nothing. */
  async empty(): Promise<Registry> {
    const registry = await openSqliteRegistry(join(this.#directory, `registry-${++this.#files}.db`));
    this.#open.push(registry);
    return registry;
  }

  async close(): Promise<void> {
    for (const registry of this.#open) await registry.close();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** A manager's registry on a real Redis, with a real lead. */
export class KeptRedis {
  readonly metrics = new MetricsRegistry();
  readonly candidate: Candidate;
  readonly keeper: RegistryKeeper;
  readonly raw: Registry;
  readonly registry: Registry;
  readonly #close: () => Promise<void>;

  constructor(url: string, objects: ObjectStore, id: string, limits = KEPT_REDIS_LIMITS) {
    const redis = connectRedis(parseRedisUrl(url), limits);
    const logger = pino({ level: 'silent' });
    const now = (): number => performance.now();
    const candidate = redisCandidate({ redis, limits, logger, now, random: Math.random }, id);
    const records = new RecordObjects(objects, limits);
    const claim = (): Promise<void> => new Installation(redis, objects).claim();
    const deps = {
      candidate,
      claim,
      records,
      limits,
      logger,
      metrics: this.metrics,
      now,
      random: Math.random,
    };
    const keeper = new RegistryKeeper(deps);
    this.candidate = candidate;
    this.keeper = keeper;
    const onWentBack = (): void => keeper.doubt();
    this.raw = openRedisRegistry({ redis, limits, fence: () => candidate.fence(), onWentBack });
    this.registry = keeper.keep(this.raw);
    candidate.stand(`http://${id}`);
    this.#close = async () => {
      await keeper.close();
      await this.raw.close();
      await candidate.close();
      redis.close();
    };
  }

  ready(): Promise<void> {
    return until('the keeper takes changes', () => this.keeper.refusal() === undefined);
  }

  close(): Promise<void> {
    return this.#close();
  }
}

export async function recordsOf(registry: Pick<Registry, 'records'>): Promise<RegistryRecord[]> {
  const records: RegistryRecord[] = [];
  for await (const page of registry.records()) records.push(...page);
  return records;
}
