/**
 * Crashes of workers that had several models at work. Any of them may have done it, so all are suspects, which
 * workers never let work beside each other: whoever is innocent isn't there the next time. A crash is explained
 * when one of its models is found guilty, and forgotten after `keepMs`; at most `maxCrashes` are kept, several of the
 * same models as one.
 */
export class Suspects {
  readonly #keepMs: number;
  readonly #maxCrashes: number;
  #crashes: { readonly keys: readonly string[]; readonly atMs: number }[] = [];

  constructor(keepMs: number, maxCrashes: number) {
    this.#keepMs = keepMs;
    this.#maxCrashes = maxCrashes;
  }

  /** A crash with one model at work leaves no doubt. Crashes may be told late, and more than once. */
  crashed(keys: readonly string[], atMs: number): void {
    const distinct = [...new Set(keys)].sort();
    if (distinct.length < 2) return;
    const text = distinct.join();
    const same = this.#crashes.find((crash) => crash.keys.join() === text);
    const others = this.#crashes.filter((crash) => crash !== same);
    const crash = { keys: distinct, atMs: Math.max(atMs, same?.atMs ?? atMs) };
    this.#crashes = [...others, crash].sort((a, b) => a.atMs - b.atMs).slice(-this.#maxCrashes);
  }

  /** Its crashes are explained. */
  guilty(key: string): void {
    this.#crashes = this.#crashes.filter(({ keys }) => !keys.includes(key));
  }

  keys(nowMs: number): string[] {
    this.#crashes = this.#crashes.filter(({ atMs }) => atMs + this.#keepMs > nowMs);
    return [...new Set(this.#crashes.flatMap(({ keys }) => keys))].sort();
  }

  /** When the next crash is forgotten; undefined: there is none. */
  get nextChangeMs(): number | undefined {
    const oldest = this.#crashes[0];
    return oldest === undefined ? undefined : oldest.atMs + this.#keepMs;
  }
}
