import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Blame } from '../core/crash-blame.ts';
import { ShoalError } from '../core/errors.ts';
import type { Registry, StrikeOutcome } from '../stores/registry/registry.ts';
import { type ModelKey, parseModelKey } from '../wire/model-key.ts';
import type { ManagerMetrics } from './metrics.ts';

/** How often a strike is tried while the registry is away, for two minutes in all. */
const MAX_TRIES = 16;
const FIRST_PAUSE_MS = 50;
const MAX_PAUSE_MS = 10_000;

export interface StrikesDeps {
  readonly registry: Pick<Registry, 'strike' | 'withdrawStrikes' | 'position'>;
  /** Resolves when the router beside this manager knows the revision, or soon after if it doesn't. */
  readonly published: (revision: number) => Promise<void>;
  readonly logger: Logger;
  readonly metrics: Pick<ManagerMetrics, 'strikes' | 'strikesLost' | 'quarantines'>;
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>;
}

/** Counts crashes of workers against the versions that are blamed for them, until there are too many. */
export class Strikes {
  readonly #deps: StrikesDeps;
  readonly #pause: NonNullable<StrikesDeps['pause']>;
  readonly #stopping = new AbortController();

  constructor(deps: StrikesDeps) {
    this.#deps = deps;
    this.#pause = deps.pause ?? pause;
  }

  /**
   * One crash and all whom it is blamed on. Resolves with those of them that are in quarantine, once the router
   * knows it; the strikes that their crashes brought to others are withdrawn. Never rejects.
   */
  async crashed(crash: string, blamed: readonly Blame[]): Promise<ModelKey[]> {
    const verdicts = await Promise.all(blamed.map((one) => this.#strike(crash, one)));
    const guilty = blamed.filter((_, index) => verdicts[index]).map(({ key }) => key);
    // Not before all are written, or one that comes late would stay.
    for (const key of guilty) await this.#withdraw(crash, key);
    return guilty;
  }

  /** Whether it is in quarantine. */
  async #strike(crash: string, { key, reason }: Blame): Promise<boolean> {
    const { registry, published, logger, metrics } = this.#deps;
    const outcome = await this.#count(crash, key, reason);
    if (outcome === undefined) return false;
    const { strikes, quarantined, guilty } = outcome;
    if (guilty && !quarantined) return true;
    metrics.strikes.inc();
    logger.warn(
      { key, reason, strikes },
      quarantined ? 'a version is in quarantine now' : 'a version has a strike',
    );
    if (!quarantined) return false;
    metrics.quarantines.inc();
    try {
      await published((await registry.position())?.revision ?? 0);
    } catch (error) {
      logger.warn({ err: error, key }, 'it is not known yet whether the router knows of a quarantine');
    }
    return true;
  }

  /** Undefined: it could not be counted, and that was said. */
  async #count(crash: string, key: ModelKey, reason: string): Promise<StrikeOutcome | undefined> {
    const { registry, logger, metrics } = this.#deps;
    try {
      const parts = partsOf(key);
      return await this.#write(key, () => registry.strike(parts, parts.digest, reason, crash));
    } catch (error) {
      if (error instanceof ShoalError && error.code === 'VERSION_NOT_FOUND') {
        logger.info({ key, reason }, 'a version that crashed its worker is gone by now');
        return undefined;
      }
      metrics.strikesLost.inc();
      logger.error({ err: error, key, reason }, 'a strike could not be written and is lost');
      return undefined;
    }
  }

  /** Strikes under way are tried once more at most. */
  close(): void {
    this.#stopping.abort();
  }

  async #withdraw(crash: string, key: ModelKey): Promise<void> {
    const { registry, logger } = this.#deps;
    try {
      const withdrawn = await this.#write(key, () => registry.withdrawStrikes(partsOf(key), crash));
      if (withdrawn > 0)
        logger.info({ key, withdrawn }, 'strikes of versions beside a culprit are withdrawn');
    } catch (error) {
      logger.error({ err: error, key }, 'the strikes of versions beside a culprit could not be withdrawn');
    }
  }

  async #write<T>(key: ModelKey, write: () => Promise<T>): Promise<T> {
    const { signal } = this.#stopping;
    for (let tries = 1; ; tries++) {
      try {
        return await write();
      } catch (error) {
        const isAway = error instanceof ShoalError && error.code === 'STORE_UNAVAILABLE';
        if (!isAway || tries === MAX_TRIES || signal.aborted) throw error;
        this.#deps.logger.warn({ err: error, key, tries }, 'a strike can not be written yet');
        await this.#pause(Math.min(MAX_PAUSE_MS, FIRST_PAUSE_MS * 2 ** tries), signal);
      }
    }
  }
}

function partsOf(key: ModelKey) {
  const parts = parseModelKey(key);
  if (parts === undefined) throw new Error(`the crash journal has no model's key: ${JSON.stringify(key)}`);
  return parts;
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  try {
    await sleep(ms, undefined, { signal, ref: false });
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}
