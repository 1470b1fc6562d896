import type { Logger } from 'pino';
import { ShoalError } from '../core/errors.ts';
import type { Limits } from '../core/limits.ts';
import { copiesOf } from '../core/placement/placement.ts';
import type { Member } from '../stores/members/members.ts';
import type { ModelKey } from '../wire/model-key.ts';
import type { Fleet } from './fleet.ts';
import type { RouterMetrics } from './metrics.ts';
import { pause } from './pause.ts';
import type { PinnedModel, RoutingTable } from './routing-table.ts';
import type { WorkerControl } from './worker-control.ts';

/** How often a pin is said again before its time is over. */
const TIMES_A_PIN = 3;

export interface KeeperDeps {
  readonly table: Pick<RoutingTable, 'pinned'>;
  readonly fleet: Pick<Fleet, 'placement'>;
  readonly control: Pick<WorkerControl, 'warmAhead'>;
  readonly metrics: Pick<RouterMetrics, 'pins'>;
  readonly limits: Pick<Limits, 'pinMs' | 'pinnedModels' | 'warmMs'>;
  readonly logger: Logger;
  /** The first whole table: before it there is nothing to keep. May reject when the router stops. */
  readonly ready: Promise<void>;
}

interface Copy {
  readonly member: Member;
  readonly key: ModelKey;
  readonly residentBytes: number;
}

/**
 * Keeps models with `minCopies` loaded: tells the first workers of each one's order, again and again, to have its
 * stable version and not to give it up. A pin ends by itself when nobody says it again.
 */
export class Keeper {
  readonly #deps: KeeperDeps;
  readonly #stopping = new AbortController();
  readonly #done: Promise<void>;
  /** What went wrong in the last round, by worker and key. */
  #failing = new Map<string, string>();
  #isOverLimit = false;

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
    this.#done = this.#run();
  }

  /** Tells every worker once, each at its own pace. */
  async round(): Promise<void> {
    const failing = new Map<string, string>();
    const byWorker = Map.groupBy(this.#copies(), ({ member }) => member.id);
    await Promise.all([...byWorker.values()].map((copies) => this.#tellAll(copies, failing)));
    this.#failing = failing;
  }

  /** One worker's, first those that went well; when it is too slow for one, the others wait for the next round. */
  async #tellAll(copies: readonly Copy[], failing: Map<string, string>): Promise<void> {
    const failed = (copy: Copy): number => Number(this.#failing.has(nameOf(copy)));
    for (const copy of copies.toSorted((a, b) => failed(a) - failed(b))) {
      if (this.#stopping.signal.aborted) return;
      const failure = await this.#tell(copy);
      if (failure === undefined) continue;
      failing.set(nameOf(copy), failure);
      if (failure === 'DEADLINE_EXCEEDED') return;
    }
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#done;
  }

  async #run(): Promise<void> {
    const { signal } = this.#stopping;
    const stopped = new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve()));
    await Promise.race([this.#deps.ready.catch(() => undefined), stopped]);
    while (!signal.aborted) {
      await this.round();
      await pause(this.#deps.limits.pinMs / TIMES_A_PIN, signal);
    }
  }

  /** Of the models in the order in which they were pinned, up to the limit. */
  *#copies(): Generator<Copy> {
    const { table, fleet, limits } = this.#deps;
    let models = 0;
    for (const pinned of table.pinned()) {
      if (++models > limits.pinnedModels) break;
      const { tenant, model, minCopies, owner, entry } = pinned;
      const version = servedVersion(pinned);
      if (version === undefined) continue;
      const { residentBytes } = version;
      const order = fleet.placement.order(tenant, model, entry, owner.shardSize);
      for (const member of copiesOf(order, minCopies)) {
        yield { member, key: version.key(tenant, model), residentBytes };
      }
    }
    this.#sayOverLimit(models > limits.pinnedModels);
  }

  #sayOverLimit(isOverLimit: boolean): void {
    const { limits, logger } = this.#deps;
    if (isOverLimit && !this.#isOverLimit) {
      logger.warn({ pinnedModels: limits.pinnedModels }, 'more models have minCopies than are kept loaded');
    }
    this.#isOverLimit = isOverLimit;
  }

  /** What went wrong; said once for as long as it is the same. */
  async #tell(copy: Copy): Promise<string | undefined> {
    const { member, key, residentBytes } = copy;
    const { control, metrics, limits, logger } = this.#deps;
    try {
      await control.warmAhead(member, { key, residentBytes, pinMs: limits.pinMs }, limits.warmMs);
      metrics.pins.inc({ outcome: 'kept' });
      return undefined;
    } catch (error) {
      if (this.#stopping.signal.aborted) return undefined;
      metrics.pins.inc({ outcome: 'failed' });
      const failure = error instanceof ShoalError ? error.code : String(error);
      if (this.#failing.get(nameOf(copy)) !== failure) {
        logger.warn(
          { err: error, key, worker: member.id },
          'a model with minCopies could not be kept loaded',
        );
      }
      return failure;
    }
  }
}

function nameOf({ member, key }: Copy): string {
  return `${member.id} ${key}`;
}

/** Its stable version, when that may be served. */
function servedVersion({ entry: { traffic, versions } }: PinnedModel) {
  const stable = versions.find(({ version }) => version === traffic.stable);
  return stable?.quarantine === undefined ? stable : undefined;
}
