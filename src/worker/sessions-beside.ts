import type { Beside } from './beside.ts';
import type { Residency } from './residency.ts';

/** The sessions as the plans see them. */
export interface SessionsBeside extends Beside {
  /** Memory of plans is free. */
  freed(): void;
}

export function sessionsBeside(residency: Residency): SessionsBeside {
  const { residents } = residency;
  return {
    get count() {
      return residents.count;
    },
    get usedBytes() {
      return residents.usedBytes;
    },
    get leavingBytes() {
      return residents.soonFreeBytes;
    },
    get evictableBytes() {
      return residents.idleBytes;
    },
    lowestScore: () => residents.lowest()?.score,
    // One at a time: the next may be worth more than a plan.
    giveUp: (_bytes, reason, displacer) => residency.evictLowest(reason, displacer),
    freed: () => residency.freed(),
  };
}
