/** A plan's entry in a worker: its key, its place in the order of eviction, and the end of its slab's block. */
const ENTRY_BYTES = 1_024;

/** What a plan takes of a worker's memory as long as it is loaded. */
export function planResidentBytes(planBytes: number): number {
  return planBytes + ENTRY_BYTES;
}
