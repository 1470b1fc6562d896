import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Registry as MetricsRegistry } from 'prom-client';
import { ShoalError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import type { Candidate, StandingCandidate } from '../stores/leader/leader.ts';
import { Watchers } from '../stores/members/watchers.ts';
import type { Position } from '../stores/registry/position.ts';
import type { Registry } from '../stores/registry/registry.ts';
import { type Changes, type ChangeUnderWay, KeptRegistry } from '../stores/records/kept-registry.ts';
import type { RecordObjects } from '../stores/records/records.ts';
import { RecordTidy } from '../stores/records/record-tidy.ts';
import { RecordWriter } from '../stores/records/record-writer.ts';
import { gauge } from '../telemetry/gauge.ts';
import { LastingTrouble } from '../telemetry/lasting-trouble.ts';
import { healRegistry } from './heal.ts';
import { HealReport } from './heal-report.ts';

export interface KeeperDeps {
  readonly candidate: Candidate & Pick<StandingCandidate, 'stepAside'>;
  /** Throws when registry and records are not of one installation. */
  readonly claim: () => Promise<void>;
  readonly records: RecordObjects;
  readonly limits: Pick<
    Limits,
    'leaderLeaseMs' | 'registryAskMs' | 'recordsOwed' | 'recordRetryMs' | 'recordTidyMs' | 'recordTidyWrites'
  >;
  readonly logger: Logger;
  readonly metrics: MetricsRegistry;
  /** Milliseconds that only grow. */
  readonly now: () => number;
  readonly random: () => number;
}

/** Two campaigns of each other manager, before this one asks for the lead again. */
const ASIDE_LEASES = 2;

/** The lead that changes are made under. */
interface Lead {
  readonly term: number;
  readonly floor: number;
}

/**
 * Holds the registry and its records in the object store together, for a manager that may lead. How to put it together:
 *
 *     const records = new RecordObjects(objects, limits);
 *     const keeper = new RegistryKeeper({ candidate, claim, records, limits, logger, metrics, now, random });
 *     const redisRegistry = openRedisRegistry({ redis, limits, fence: () => candidate.fence(),
 *                                               onWentBack: () => keeper.doubt() });
 *     const registry = keeper.keep(redisRegistry);   // what the manager's role gets; routers may read the other
 *     ...
 *     await keeper.close();                          // after the last request, before candidate and stores
 *
 * When this manager takes the lead, and whenever the registry went back, both are compared and made to agree before any
 * change: until then changes are STORE_UNAVAILABLE. A leader that closes in order says where it left off, and the next
 * one begins there without a comparison.
 */
export class RegistryKeeper implements Changes {
  readonly #deps: KeeperDeps;
  readonly #report: HealReport;
  readonly #stop = new AbortController();
  readonly #watchers = new Watchers<undefined>();
  #registry: Registry | undefined;
  #writer: RecordWriter | undefined;
  #unwatch: () => void = () => undefined;
  /** Undefined: no changes now. */
  #lead: Lead | undefined;
  #hasSeenChanges = false;
  #corrupt = 0;
  /** When this manager was last seen to have taken the lead. */
  #ledSinceMs = 0;
  #ledTerm: number | undefined;
  #turning: Promise<void> | undefined;
  #turnAgain = false;
  #asking: Promise<void> | undefined;
  /** Why it could not take over so far. */
  #trouble: string | undefined;
  #underWay = 0;
  #idle: (() => void)[] = [];
  readonly #tidy: RecordTidy;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
    this.#tidy = new RecordTidy({ ...deps, signal: this.#stop.signal });
    this.#report = new HealReport(deps);
    gauge(deps.metrics, 'shoal_records_owed', 'Changes whose records the object store lacks.', () => {
      return this.#writer?.owed ?? 0;
    });
  }

  /** `registry`: as it stands in Redis. The keeper begins when it has it. */
  keep(registry: Registry): Registry {
    const { candidate, records, limits, logger, random } = this.#deps;
    const writer = new RecordWriter({ registry, records, limits, logger, random });
    this.#registry = registry;
    this.#writer = writer;
    this.#unwatch = candidate.watch(() => this.#look());
    this.#look();
    this.#asking = this.#askInTime(registry);
    return new KeptRegistry(registry, writer, this);
  }

  /** Records that could not be read when this manager took over: what only they name must not be swept. */
  get corrupt(): number {
    return this.#corrupt;
  }

  /** Calls back whenever changes begin to be taken here: this manager leads, and registry and object store agree. */
  watch(onOpen: () => void): void {
    this.#watchers.add(onOpen);
  }

  /** For the registry too: it lost changes, or may have; or it has another history, or none. */
  doubt(): void {
    this.#lead = undefined;
    this.#look();
  }

  /** Undefined: changes are taken. */
  refusal(): string | undefined {
    const term = this.#deps.candidate.fence()?.term;
    if (this.#stop.signal.aborted) return 'this manager is ending';
    if (term === undefined) return 'this manager does not lead';
    if (this.#lead?.term !== term)
      return `it is being compared with the object store first${this.#trouble === undefined ? '' : ` (${this.#trouble})`}`;
    return this.#writer?.refusal();
  }

  begin(): ChangeUnderWay {
    const refusal = this.refusal();
    const lead = this.#lead;
    if (refusal !== undefined || lead === undefined)
      throw new ShoalError(
        'STORE_UNAVAILABLE',
        `registry: ${refusal ?? 'nobody leads'}; nothing was changed`,
      );
    this.#underWay++;
    return {
      floor: lead.floor,
      confirm: () => {
        // By our own clock the lead ends before others may take it, and whoever takes it sees all records of before.
        if (this.#lead === lead && this.#deps.candidate.fence()?.term === lead.term) return;
        throw new ShoalError(
          'STORE_UNAVAILABLE',
          'registry: the change may have been made, or lost with the lead of this manager; make it again',
        );
      },
      end: () => {
        this.#underWay--;
        if (this.#underWay === 0) for (const resolve of this.#idle.splice(0)) resolve();
        this.#tidyInTime();
      },
    };
  }

  /** Ends changes; those under way end first. The registry is left clean if all of its records are written. */
  async close(): Promise<void> {
    const { candidate, records, logger } = this.#deps;
    const lead = this.#lead;
    this.#stop.abort();
    this.#unwatch();
    await Promise.all([this.#turning, this.#asking]);
    await this.#quiet();
    await this.#tidy.ended();
    const isClean = lead !== undefined && this.#lead === lead && this.#writer?.owed === 0;
    await this.#writer?.forget();
    if (!isClean) return;
    try {
      const position = await this.#registry?.position();
      if (position !== undefined && candidate.fence()?.term === lead.term) await records.leaveClean(position);
    } catch (error) {
      logger.info({ err: error }, 'the next manager that leads compares the registry with the object store');
    }
  }

  #look(): void {
    if (this.#stop.signal.aborted || this.#registry === undefined) return;
    const term = this.#deps.candidate.fence()?.term;
    if (term !== this.#lead?.term) this.#lead = undefined;
    // A Redis that lost everything counts terms anew.
    if (term !== undefined && term !== this.#ledTerm) this.#ledSinceMs = this.#deps.now();
    this.#ledTerm = term;
    this.#turnAgain = true;
    this.#turning ??= this.#turns().finally(() => {
      this.#turning = undefined;
    });
  }

  async #turns(): Promise<void> {
    const { limits, logger, random } = this.#deps;
    const { signal } = this.#stop;
    const trouble = new LastingTrouble(logger);
    while (this.#turnAgain && !signal.aborted) {
      this.#turnAgain = false;
      if (this.#lead !== undefined) continue;
      try {
        await this.#quiet();
        await this.#writer?.forget();
        await this.#takeOver();
      } catch (error) {
        trouble.tell('the registry could not be compared with the object store yet', error);
        this.#trouble = error instanceof ShoalError ? error.message : 'of a failure that its log has';
        await this.#stepAside();
        this.#turnAgain = true;
        const waitMs = limits.recordRetryMs * (0.5 + random() / 2);
        await sleep(waitMs, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Who can't compare for a whole lease lets another try, who may reach the object store. */
  async #stepAside(): Promise<void> {
    const { candidate, limits, now } = this.#deps;
    const leaseMs = limits.leaderLeaseMs;
    if (candidate.fence() === undefined || now() - this.#ledSinceMs < leaseMs) return;
    await candidate.stepAside(ASIDE_LEASES * leaseMs);
  }

  async #takeOver(): Promise<void> {
    const { candidate, records, logger, now } = this.#deps;
    const term = candidate.fence()?.term;
    const registry = this.#registry;
    if (term === undefined || registry === undefined) return;
    const begunMs = now();
    await this.#deps.claim();
    const left = await registry.position();
    const isUnbroken = await registry.isUnbroken();
    if ((await records.takeClean(left)) && left !== undefined && isUnbroken) {
      logger.info({ term, ...left }, 'the registry is as the manager that led before left it');
      this.#open(term, left);
      return;
    }
    const othersEnded = (): Promise<void> => this.#othersEnded();
    const { signal } = this.#stop;
    const hasSeenChanges = this.#hasSeenChanges;
    const healed = await healRegistry({ registry, records, logger, othersEnded, signal, hasSeenChanges });
    const { position, corrupt } = healed;
    this.#corrupt = corrupt.length;
    this.#report.tell(healed, term, now() - begunMs);
    const after = await registry.position();
    // Whatever news came before this is over.
    if (after?.history !== position.history) throw new Error('the registry went back while it was compared');
    this.#open(term, position);
  }

  #open(term: number, { history, revision }: Position): void {
    this.#turnAgain = this.#deps.candidate.fence()?.term !== term;
    if (this.#turnAgain) return;
    this.#writer?.begin(history);
    this.#lead = { term, floor: revision };
    this.#trouble = undefined;
    this.#watchers.tell(undefined);
    this.#tidyInTime();
  }

  async #othersEnded(): Promise<void> {
    const { limits, now } = this.#deps;
    const leftMs = this.#ledSinceMs + limits.leaderLeaseMs - now();
    if (leftMs > 0) await sleep(leftMs, undefined, { signal: this.#stop.signal });
  }

  async #quiet(): Promise<void> {
    if (this.#underWay > 0) await new Promise<void>((resolve) => this.#idle.push(resolve));
  }

  /** A registry that went back says so when it is asked, and nobody may ask it for long. */
  async #askInTime(registry: Registry): Promise<void> {
    const { limits, logger } = this.#deps;
    const { signal } = this.#stop;
    const trouble = new LastingTrouble(logger);
    for (;;) {
      await sleep(limits.registryAskMs, undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        this.#hasSeenChanges ||= ((await registry.position())?.revision ?? 0) > 0;
        if (this.#lead !== undefined && !(await registry.isUnbroken())) this.doubt();
        trouble.over('the registry answers again');
      } catch (error) {
        trouble.tell('the registry does not answer', error);
      }
    }
  }

  #tidyInTime(): void {
    if (this.#lead !== undefined) this.#tidy.inTime(this.#writer?.written ?? 0);
  }
}
