import type { Digest } from '../../core/ids.ts';
import { canonicalJson, parseCanonicalJson } from '../../model/canonical-json.ts';
import { nothingToLift, notAtWork } from './refusals.ts';
import type { Quarantine, StrikeOutcome, VersionId } from './registry.ts';
import type { Tables } from './sqlite-tables.ts';

interface Strike {
  /** Milliseconds since 1970. */
  readonly atMs: number;
  readonly crash: string;
}

/** Strikes lie in their version's row, so they go with it: a version registered anew has none. */
export class Strikes {
  readonly #tables: Tables;

  constructor(tables: Tables) {
    this.#tables = tables;
  }

  strike(id: VersionId, preparedDigest: Digest, reason: string, strike: Strike): StrikeOutcome {
    return this.#tables.change(() => {
      const row = this.#row(id);
      if (row === undefined || row['prepared_digest'] !== preparedDigest) throw notAtWork(id, preparedDigest);
      const { strikes, strikeMs } = this.#tables.limits;
      const counted = strikesSince(row['strikes'] as string | null, strike.atMs - strikeMs);
      if (row['quarantine'] !== null) return { strikes: counted.length, quarantined: false, guilty: true };
      // Who was not answered in time tells of a crash again.
      if (!counted.some(({ crash }) => crash === strike.crash)) counted.push(strike);
      const quarantined = counted.length >= strikes;
      this.#write(id, JSON.stringify(counted), quarantined ? quarantineOf(reason, strike.atMs) : null);
      if (quarantined) this.#logChange(id);
      return { strikes: counted.length, quarantined, guilty: quarantined };
    });
  }

  withdraw(culprit: VersionId, crash: string): number {
    return this.#tables.change(() => {
      const own = strikesSince((this.#row(culprit)?.['strikes'] ?? null) as string | null, 0);
      const explained = new Set([crash, ...own.map((strike) => strike.crash)]);
      const { tenant, model, version } = culprit;
      const others = this.#tables
        .sql(`SELECT tenant, model, version, strikes FROM versions
              WHERE strikes IS NOT NULL AND quarantine IS NULL AND (tenant, model, version) <> (?, ?, ?)`)
        .all(tenant, model, version);
      let withdrawn = 0;
      for (const other of others) {
        const before = strikesSince(String(other['strikes']), 0);
        const left = before.filter((strike) => !explained.has(strike.crash));
        if (left.length === before.length) continue;
        withdrawn += before.length - left.length;
        this.#write(other as unknown as VersionId, left.length === 0 ? null : JSON.stringify(left), null);
      }
      return withdrawn;
    });
  }

  lift(id: VersionId): void {
    this.#tables.change(() => {
      const row = this.#row(id);
      if (row === undefined) throw nothingToLift(id);
      this.#write(id, null, null);
      if (row['quarantine'] !== null) this.#logChange(id);
    });
  }

  #row({ tenant, model, version }: VersionId): Record<string, unknown> | undefined {
    return this.#tables
      .sql(`SELECT prepared_digest, strikes, quarantine FROM versions
            WHERE tenant = ? AND model = ? AND version = ?`)
      .get(tenant, model, version);
  }

  #write({ tenant, model, version }: VersionId, strikes: string | null, quarantine: string | null): void {
    this.#tables
      .sql('UPDATE versions SET strikes = ?, quarantine = ? WHERE tenant = ? AND model = ? AND version = ?')
      .run(strikes, quarantine, tenant, model, version);
  }

  #logChange({ tenant, model }: VersionId): void {
    this.#tables
      .sql('UPDATE models SET revision = ? WHERE tenant = ? AND model = ?')
      .run(this.#tables.logChange(tenant, model), tenant, model);
  }
}

/** Those in a row's `strikes` that came after `sinceMs`. */
export function strikesSince(column: string | null, sinceMs: number): Strike[] {
  return column === null ? [] : (JSON.parse(column) as Strike[]).filter(({ atMs }) => atMs > sinceMs);
}

/** A row's `quarantine`, as the member of a record: there or absent. */
export function parseQuarantine(column: string | null): { quarantine?: Quarantine } {
  return column === null ? {} : { quarantine: parseCanonicalJson(column) as unknown as Quarantine };
}

function quarantineOf(reason: string, nowMs: number): string {
  return canonicalJson({ reason, since: new Date(nowMs).toISOString() } satisfies Quarantine);
}
