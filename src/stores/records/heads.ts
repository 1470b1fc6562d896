import { type Head, headOf, type Name, nameFrom, nameText } from './record-keys.ts';

/** What a listing tells of one tenant and its models. */
export interface TenantHeads {
  /** Of each name the newest. Models that went with their tenant are left out. */
  readonly heads: readonly Head[];
  /** When the tenant was last deleted; 0: never. Models of an older revision are gone, whatever else is there. */
  readonly goneAt: number;
  /** Keys that nothing needs any more. */
  readonly leftovers: readonly string[];
}

/**
 * `keys`: all of one tenant. Its last deletion stays though the tenant is there again: else a model that was deleted with
 * it could come back from a registry that went back.
 */
export function tenantHeads(keys: readonly string[]): TenantHeads {
  const newest = new Map<string, { head: Head; key: string }>();
  let deletion: { head: Head; key: string } | undefined;
  const all: { head: Head; key: string }[] = [];
  for (const key of keys) {
    const head = headOf(key);
    if (head === undefined) continue;
    const each = { head, key };
    all.push(each);
    const name = nameText(head);
    if (isNewer(head, newest.get(name)?.head)) newest.set(name, each);
    if (head.model === undefined && head.gone && isNewer(head, deletion?.head)) deletion = each;
  }
  const goneAt = deletion?.head.revision ?? 0;
  const isDead = ({ model, revision }: Head): boolean => model !== undefined && revision < goneAt;
  const needed = [...newest.values()].filter(({ head }) => !isDead(head));
  const neededKeys = new Set([
    ...needed.map(({ key }) => key),
    ...(deletion === undefined ? [] : [deletion.key]),
  ]);
  return {
    heads: needed.map(({ head }) => head),
    goneAt,
    leftovers: all.flatMap(({ key }) => (neededKeys.has(key) ? [] : [key])),
  };
}

/** A deletion that has the revision of a state was written when that state was gone. */
function isNewer(head: Head, than: Head | undefined): boolean {
  if (than === undefined || head.revision > than.revision) return true;
  return head.revision === than.revision && head.gone;
}

/** All names of a store with their newest revisions, packed: there may be a million. */
export class Heads {
  /** Negative: of a deletion. */
  readonly #revisions = new Map<string, number>();
  readonly #goneAt = new Map<string, number>();
  #highest = 0;

  add({ heads, goneAt }: TenantHeads): void {
    for (const head of heads) {
      this.#revisions.set(nameText(head), head.gone ? -head.revision : head.revision);
      this.#highest = Math.max(this.#highest, head.revision);
      if (goneAt > 0) this.#goneAt.set(head.tenant, goneAt);
    }
  }

  get size(): number {
    return this.#revisions.size;
  }

  get highest(): number {
    return this.#highest;
  }

  goneAt(tenant: string): number {
    return this.#goneAt.get(tenant) ?? 0;
  }

  get(name: Name): Head | undefined {
    const text = nameText(name);
    const revision = this.#revisions.get(text);
    return revision === undefined ? undefined : headFrom(text, revision);
  }

  *all(): Generator<Head> {
    for (const [text, revision] of this.#revisions) yield headFrom(text, revision);
  }
}

function headFrom(text: string, revision: number): Head {
  return { ...nameFrom(text), revision: Math.abs(revision), gone: revision < 0 };
}
