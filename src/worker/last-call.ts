const LAST_CALL_MS = 25;
const LAST_CALL_SHARE = 0.1;

/** When a request that has so long left, and whose model still waits, is told so: shortly before its deadline. */
export function lastCallMs(leftMs: number): number {
  return leftMs - Math.min(LAST_CALL_MS, LAST_CALL_SHARE * leftMs);
}
