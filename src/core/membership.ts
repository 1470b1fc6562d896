/** What the store of members says of one of them. */
export interface Sighting {
  readonly id: string;
  /** It said that it leaves. */
  readonly hasLeft: boolean;
  /** Since it was last announced, by the store's clock. */
  readonly ageMs: number;
}

export interface MembershipView {
  /** By this router's clock. */
  readonly nowMs: number;
  /** Since when the store has answered without a break. */
  readonly contactSinceMs: number;
  readonly leaseMs: number;
}

/**
 * Who is a member after a look into the store, and since when each of those who aren't in it has been missing.
 * The store may have been away, frozen, or have forgotten everything: nobody is dropped for want of an announcement
 * until a whole lease has passed in which each could have made one. Who said that it leaves is out at once, who is
 * announced is in at once.
 */
export function membersAfter(
  before: ReadonlyMap<string, number | undefined>,
  sightings: readonly Sighting[],
  { nowMs, contactSinceMs, leaseMs }: MembershipView,
): Map<string, number | undefined> {
  const hadTime = nowMs - contactSinceMs >= leaseMs;
  const after = new Map<string, number | undefined>();
  const seen = new Set<string>();
  for (const { id, hasLeft, ageMs } of sightings) {
    seen.add(id);
    if (hasLeft) continue;
    if (ageMs <= leaseMs || (before.has(id) && !hadTime)) after.set(id, undefined);
  }
  for (const [id, missingSinceMs = nowMs] of before) {
    if (!seen.has(id) && nowMs - Math.max(missingSinceMs, contactSinceMs) < leaseMs)
      after.set(id, missingSinceMs);
  }
  return after;
}
