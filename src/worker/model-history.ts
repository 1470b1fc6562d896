import type { ModelHistory } from '../wire/control.ts';
import type { ModelKey } from '../wire/model-key.ts';
import { adviceOn } from './advice.ts';
import type { Life } from './copy.ts';
import type { Departure } from './history.ts';
import type { Residency } from './residency.ts';

/** What a worker knows of one version. Times are of the worker's clock. */
export interface VersionFacts {
  readonly key: ModelKey;
  /** Undefined: it is gone. */
  readonly copy: Life | undefined;
  /** Its last eviction; undefined: none is remembered. */
  readonly departure: Departure | undefined;
  readonly pinnedUntilMs: number | undefined;
  readonly idleTtlMs: number | undefined;
  /** Evicted for room in this worker so far, in all. */
  readonly evictedBytes: number;
  readonly nowMs: number;
  /** A time of the worker's clock as ISO 8601. */
  readonly iso: (ms: number) => string;
}

/** The plans among them. */
export interface PlanLives {
  /** Of all versions of a model (tenant/model) that are resident as plans. */
  livesOf(model: string): ReadonlyMap<ModelKey, Life>;
}

/** Of every version of `model` (tenant/model) that is here or that the worker remembers. */
export function historyOf(
  residency: Residency,
  plans: PlanLives,
  model: string,
  now: Pick<VersionFacts, 'nowMs' | 'idleTtlMs' | 'iso'>,
): ModelHistory[] {
  const { history, pins, versions } = residency.residents;
  const plansThere = plans.livesOf(model);
  return Array.from(new Set([...versions.keysOf(model), ...plansThere.keys()]), (key) =>
    describeVersion({
      ...now,
      key,
      copy: residency.copy(key) ?? plansThere.get(key),
      departure: history.get(key),
      pinnedUntilMs: pins.pinnedUntilMs(key, now.nowMs),
      evictedBytes: history.evictedBytes,
    }),
  );
}

/** One version's life as it crosses the wire. One of copy and departure is there. */
function describeVersion(facts: VersionFacts): ModelHistory {
  const { key, copy, departure, pinnedUntilMs, iso } = facts;
  const life = copy ?? (departure as Departure);
  const wasLoaded = copy === undefined || copy.state === 'resident' || copy.state === 'leaving';
  return {
    key,
    state: copy?.state ?? 'gone',
    residentBytes: life.residentBytes,
    uses: life.uses,
    ...(wasLoaded ? { loadMs: life.loadUs / 1_000, loadedAt: iso(life.loadedMs) } : {}),
    ...(life.uses > 0 ? { lastUsedAt: iso(life.lastUsedMs) } : {}),
    ...(pinnedUntilMs === undefined ? {} : { pinnedUntil: iso(pinnedUntilMs) }),
    ...(departure === undefined ? {} : { eviction: evictionOf(departure, iso) }),
    advice: adviceOn(facts),
  };
}

function evictionOf(departure: Departure, iso: VersionFacts['iso']): NonNullable<ModelHistory['eviction']> {
  const { leftMs, reason, forKey, forBytes } = departure;
  return { at: iso(leftMs), reason, ...(forKey === undefined ? {} : { for: forKey, forBytes }) };
}
