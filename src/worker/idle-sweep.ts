/** Steps in the time to live: a model is released at most that share of it too late. */
const STEPS = 16;

/**
 * Finds what nobody has used for a while without looking at everything and without a step on the way of a request:
 * each item lies in the bucket of the time at which it would be idle for too long, is looked at then, and is put
 * into a later bucket when it was used since. So each is looked at about once in its time to live.
 */
export class IdleSweep<T extends object> {
  readonly stepMs: number;
  readonly #buckets = new Map<number, Set<T>>();
  readonly #bucketOf = new Map<T, number>();

  constructor(ttlMs: number) {
    this.stepMs = Math.max(1, Math.ceil(ttlMs / STEPS));
  }

  watch(item: T, dueMs: number): void {
    this.forget(item);
    const bucket = Math.ceil(dueMs / this.stepMs);
    this.#bucketOf.set(item, bucket);
    const items = this.#buckets.get(bucket);
    if (items === undefined) this.#buckets.set(bucket, new Set([item]));
    else items.add(item);
  }

  forget(item: T): void {
    const bucket = this.#bucketOf.get(item);
    if (bucket === undefined) return;
    this.#bucketOf.delete(item);
    const items = this.#buckets.get(bucket);
    items?.delete(item);
    if (items?.size === 0) this.#buckets.delete(bucket);
  }

  /** Those whose time has come; they are watched no longer. */
  take(nowMs: number): T[] {
    const due: T[] = [];
    for (const [bucket, items] of this.#buckets) if (bucket * this.stepMs <= nowMs) due.push(...items);
    for (const item of due) this.forget(item);
    return due;
  }
}
