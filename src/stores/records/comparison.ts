import type { Position } from '../registry/position.ts';
import type { RegistryRecord } from '../registry/records.ts';
import type { Heads } from './heads.ts';
import { type Head, headOfRecord, type Name, nameText } from './record-keys.ts';

/** What makes registry and records agree. */
export interface Difference {
  /** The records are newer: to be put back into the registry. */
  readonly restore: readonly Head[];
  /** The registry is newer: its records are to be written. */
  readonly write: readonly Name[];
  /** The registry has no history, or was behind: it lost changes, and another history has to begin. */
  readonly wentBack: boolean;
}

/**
 * Registry and records by names and revisions alone. Every change that was acknowledged has its record, so:
 * - of two states of one name the one with the higher revision holds;
 * - what only the registry has was committed by a leader that did not get to its record: it gets one;
 * - what only the records have was lost by the registry, or a deletion of it was never acknowledged: it comes back;
 * - a model that is older than its tenant's deletion is gone, on whichever side the deletion is known.
 */
export class Comparison {
  readonly #heads: Heads;
  readonly #seen = new Set<string>();
  /** As the registry has them. */
  readonly #goneAt = new Map<string, number>();
  readonly #restore: Head[] = [];
  readonly #write: Name[] = [];

  constructor(heads: Heads) {
    this.#heads = heads;
  }

  /** Each of the registry's records, tenants before their models. */
  see(record: RegistryRecord): void {
    const head = headOfRecord(record);
    const { tenant, model, revision, gone } = head;
    this.#seen.add(nameText(head));
    if (model === undefined && gone) this.#goneAt.set(tenant, revision);
    const kept = this.#heads.get(head);
    const goneAt = this.#heads.goneAt(tenant);
    if (model !== undefined && revision < goneAt && (kept?.revision ?? 0) < goneAt) {
      // The tenant may be there again, so that its own record doesn't tell.
      this.#restore.push({ tenant, model, revision: goneAt, gone: true });
    } else if (kept === undefined || kept.revision < revision) {
      this.#write.push(model === undefined ? { tenant } : { tenant, model });
    } else if (kept.revision > revision) {
      this.#restore.push(kept);
    }
  }

  /** `position`: of the registry, from before its records were read. */
  end(position: Position | undefined): Difference {
    const reached = position?.revision ?? 0;
    for (const head of this.#heads.all()) {
      if (this.#seen.has(nameText(head))) continue;
      const { tenant, model, revision, gone } = head;
      if (model !== undefined && revision < (this.#goneAt.get(tenant) ?? 0)) continue;
      // That a model is gone the registry needs not know, as long as its revisions are above.
      if (model !== undefined && gone) continue;
      this.#restore.push(head);
    }
    const wentBack = position === undefined || this.#heads.highest > reached;
    return { restore: this.#restore, write: this.#write, wentBack };
  }
}
