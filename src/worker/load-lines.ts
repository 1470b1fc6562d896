import type { Copy } from './copy.ts';
import { isHeavy } from './lanes.ts';
import { type InLine, LoadLine, type LoadLineOptions } from './load-line.ts';

export interface InLines extends InLine {
  readonly residentBytes: number;
  readonly arrivedMs: number;
}

export interface LoadLinesOptions extends Pick<LoadLineOptions, 'suspects' | 'provenBy'> {
  readonly limits: { readonly workerLoads: number; readonly workerHeavyLoads: number };
  /** Lanes for models that load in a moment, and for the others. */
  readonly parallelLoads: { readonly light: number; readonly heavy: number };
}

/**
 * Two lines, as there are two kinds of lanes: where few loads take long and many are short, one line would have the
 * short ones wait for lanes that they don't need. Of two heads that may begin, the one that came first is next.
 */
export class LoadLines<T extends InLines = Copy> {
  readonly #suspectsUnderWay = new Set<T>();
  readonly #light: LoadLine<T>;
  readonly #heavy: LoadLine<T>;

  constructor({ limits, parallelLoads, suspects, provenBy = 1 }: LoadLinesOptions) {
    const shared = { suspects, provenBy, suspectsUnderWay: this.#suspectsUnderWay };
    this.#light = new LoadLine({ slots: limits.workerLoads, parallelLoads: parallelLoads.light, ...shared });
    this.#heavy = new LoadLine({
      slots: limits.workerHeavyLoads,
      parallelLoads: parallelLoads.heavy,
      ...shared,
    });
  }

  get size(): number {
    return this.#light.size + this.#heavy.size;
  }

  get underWay(): number {
    return this.#light.underWay + this.#heavy.underWay;
  }

  of(residentBytes: number): LoadLine<T> {
    return isHeavy(residentBytes) ? this.#heavy : this.#light;
  }

  push(copy: T): void {
    this.of(copy.residentBytes).push(copy);
  }

  delete(copy: T): void {
    this.of(copy.residentBytes).delete(copy);
  }

  /** Whose turn it is; undefined: nobody may begin now. */
  next(): T | undefined {
    const light = this.#light.next();
    const heavy = this.#heavy.next();
    if (light === undefined || heavy === undefined) return light ?? heavy;
    return heavy.arrivedMs < light.arrivedMs ? heavy : light;
  }

  /** Begins the load of what `next` showed. */
  begin(copy: T, nowMs: number): void {
    this.of(copy.residentBytes).begin(nowMs);
  }

  /** The load has ended, well or badly; `wasBegun`: a lane has worked on it. */
  end(copy: T, nowMs: number, wasBegun: boolean): void {
    this.of(copy.residentBytes).end(nowMs, wasBegun);
    if (!this.#suspectsUnderWay.delete(copy)) return;
    this.#light.readmit();
    this.#heavy.readmit();
  }
}
