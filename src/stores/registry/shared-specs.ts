import type { Digest } from '../../core/ids.ts';
import type { ServingSpec } from '../../model/serving-spec.ts';
import type { Traffic } from '../../core/traffic-split.ts';
import type { RoutingEntry } from './registry.ts';
import { parseTraffic, type RowEntry } from './rows.ts';

const MAX_TRAFFICS = 1_000;

/**
 * One object a spec, and one a kind of traffic, for everyone in this process: hundreds of thousands of
 * models share a few. A spec is fetched only when it isn't here, and stays as long as anyone holds it.
 */
export class SharedSpecs<Id extends string | number> {
  readonly #fetch: (ids: readonly Id[]) => Promise<ServingSpec[]>;
  readonly #held = new Map<Id, WeakRef<ServingSpec>>();
  readonly #traffics = new Map<string, Traffic>();
  readonly #dropped = new FinalizationRegistry<Id>((id) => {
    if (this.#held.get(id)?.deref() === undefined) this.#held.delete(id);
  });

  constructor(fetch: (ids: readonly Id[]) => Promise<ServingSpec[]>) {
    this.#fetch = fetch;
  }

  async resolve(rows: readonly RowEntry<Id>[]): Promise<RoutingEntry[]> {
    const specs = await this.#hold(rows);
    return rows.map((row) => {
      if (row.kind === 'tenant') return row;
      const { state, ...head } = row;
      if (state === undefined) return head;
      const versions = state.versions.map(({ specId, preparedDigest, ...version }) => {
        const spec = specs.get(specId);
        if (spec === undefined) throw new Error(`spec ${specId} is not in the registry`);
        return { ...version, preparedDigest: preparedDigest as Digest, spec };
      });
      return { ...head, state: { ...state, traffic: this.#traffic(state.traffic), versions } };
    });
  }

  /** Nearly all models have one of a few, and telling two apart again would cost more than to parse them. */
  #traffic(json: string): Traffic {
    let traffic = this.#traffics.get(json);
    if (traffic !== undefined) return traffic;
    traffic = parseTraffic(json);
    if (this.#traffics.size >= MAX_TRAFFICS) this.#traffics.clear();
    this.#traffics.set(json, traffic);
    return traffic;
  }

  /** Strong references to all that `rows` name, so that none goes away while they are put together. */
  async #hold(rows: readonly RowEntry<Id>[]): Promise<Map<Id, ServingSpec>> {
    const specs = new Map<Id, ServingSpec>();
    const missing = new Set<Id>();
    for (const row of rows) {
      for (const { specId } of (row.kind === 'model' && row.state?.versions) || []) {
        const spec = this.#held.get(specId)?.deref();
        if (spec === undefined) missing.add(specId);
        else specs.set(specId, spec);
      }
    }
    if (missing.size === 0) return specs;
    const ids = [...missing];
    const fetched = await this.#fetch(ids);
    for (const [index, id] of ids.entries()) {
      // Two fetches of one spec may cross; the first to arrive is the one that is kept.
      const spec = this.#held.get(id)?.deref() ?? fetched[index];
      if (spec === undefined) continue;
      if (spec === fetched[index]) {
        this.#held.set(id, new WeakRef(spec));
        this.#dropped.register(spec, id);
      }
      specs.set(id, spec);
    }
    return specs;
  }
}
