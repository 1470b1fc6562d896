/** A resident model without a lease. */
export interface IdleModel {
  readonly key: string;
  readonly residentBytes: number;
}

/** A worker's memory when the load of one more model waits. All bytes are what admission measured. */
export interface ResidencySnapshot {
  readonly budgetBytes: number;
  readonly neededBytes: number;
  /** Resident, loading and on the way out: everything that counts against the budget. */
  readonly usedBytes: number;
  /** The part of `usedBytes` that evictions under way will soon free. */
  readonly leavingBytes: number;
  /** Least worth keeping first (core/eviction-order). */
  readonly idle: Iterable<IdleModel>;
}

export type ResidencyAction =
  | { readonly action: 'load' }
  | { readonly action: 'evict'; readonly keys: readonly string[] }
  /** Evictions under way will make room, or only leased models are left: try again after a change. */
  | { readonly action: 'wait'; readonly reason: 'evicting' | 'all-leased' }
  | { readonly action: 'refuse'; readonly reason: string };

/**
 * What to do for the load at the head of the line. Evicts those least worth keeping, and of those only what
 * is needed: without any one of them the room would not do.
 */
export function decideLoad(snapshot: ResidencySnapshot): ResidencyAction {
  const { budgetBytes, neededBytes, usedBytes, leavingBytes } = snapshot;
  if (neededBytes > budgetBytes) {
    return {
      action: 'refuse',
      reason: `the model needs ${neededBytes} bytes, the worker's whole budget is ${budgetBytes} bytes`,
    };
  }
  if (usedBytes + neededBytes <= budgetBytes) return { action: 'load' };
  let missingBytes = usedBytes - leavingBytes + neededBytes - budgetBytes;
  if (missingBytes <= 0) return { action: 'wait', reason: 'evicting' };
  const chosen: IdleModel[] = [];
  for (const model of snapshot.idle) {
    chosen.push(model);
    missingBytes -= model.residentBytes;
    if (missingBytes <= 0) break;
  }
  if (missingBytes > 0) return { action: 'wait', reason: leavingBytes > 0 ? 'evicting' : 'all-leased' };
  // The last one may free so much that earlier ones can stay; spare those most worth keeping.
  const keys: string[] = [];
  for (const model of chosen.toReversed()) {
    if (missingBytes + model.residentBytes <= 0) missingBytes += model.residentBytes;
    else keys.push(model.key);
  }
  return { action: 'evict', keys: keys.toReversed() };
}
