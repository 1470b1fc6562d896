import type { Order } from '../simulate.ts';
import type { TraceModel } from '../traces.ts';

const WINDOW_SHARE = 0.01;
const PROTECTED_SHARE = 0.8;
const MOST_USES = 15;
/** Counts are halved after so many uses for each resident model. */
const SAMPLE_USES = 10;

/** A queue, least recently used first, that knows its bytes. */
class Segment {
  readonly models = new Map<string, TraceModel>();
  bytes = 0;

  add(model: TraceModel): void {
    this.models.set(model.key, model);
    this.bytes += model.residentBytes;
  }

  take(key: string): TraceModel | undefined {
    const model = this.models.get(key);
    if (model === undefined) return undefined;
    this.models.delete(key);
    this.bytes -= model.residentBytes;
    return model;
  }
}

/**
 * A window for newcomers, then a contest of frequencies for a place among the others. G. Einziger et al.,
 * "TinyLFU: a highly efficient cache admission policy", ACM TOS 2017; segments are counted in bytes. Its counts are
 * exact here, a sketch's would be a little worse.
 */
export class WTinyLfu implements Order {
  readonly #window = new Segment();
  readonly #probation = new Segment();
  readonly #protected = new Segment();
  #counts = new Map<string, number>();
  #uses = 0;
  /** Whether room has been asked for since the last model came. */
  #isFull = false;

  use(key: string): void {
    this.#count(key);
    for (const segment of [this.#window, this.#protected]) {
      const model = segment.take(key);
      if (model === undefined) continue;
      segment.add(model);
      return;
    }
    const model = this.#probation.take(key);
    if (model === undefined) return;
    this.#protected.add(model);
    const limit = PROTECTED_SHARE * (this.#protected.bytes + this.#probation.bytes);
    for (const oldest of this.#protected.models.keys()) {
      if (this.#protected.bytes <= limit) break;
      this.#probation.add(this.#protected.take(oldest) as TraceModel);
    }
  }

  add(model: TraceModel): void {
    this.#window.add(model);
    // While there is room nobody has to win a place.
    for (const oldest of this.#isFull ? [] : this.#window.models.keys()) {
      if (this.#window.bytes <= WINDOW_SHARE * this.#bytes) break;
      this.#probation.add(this.#window.take(oldest) as TraceModel);
    }
    this.#isFull = false;
  }

  delete({ key }: TraceModel): void {
    for (const segment of [this.#window, this.#probation, this.#protected]) segment.take(key);
  }

  *candidates(): Generator<TraceModel> {
    this.#isFull = true;
    const window = this.#window.models.values();
    const probation = this.#probation.models.values();
    let offeredBytes = 0;
    let victim = probation.next().value;
    while (this.#window.bytes - offeredBytes > WINDOW_SHARE * this.#bytes) {
      const candidate = window.next().value as TraceModel;
      if (victim !== undefined && this.#countOf(candidate) > this.#countOf(victim)) {
        this.#probation.add(this.#window.take(candidate.key) as TraceModel);
        yield victim;
        victim = probation.next().value;
      } else {
        offeredBytes += candidate.residentBytes;
        yield candidate;
      }
    }
    for (; victim !== undefined; victim = probation.next().value) yield victim;
    yield* this.#protected.models.values();
    yield* window;
  }

  get #bytes(): number {
    return this.#window.bytes + this.#probation.bytes + this.#protected.bytes;
  }

  #countOf({ key }: TraceModel): number {
    return this.#counts.get(key) ?? 0;
  }

  #count(key: string): void {
    this.#counts.set(key, Math.min(MOST_USES, (this.#counts.get(key) ?? 0) + 1));
    const resident = this.#window.models.size + this.#probation.models.size + this.#protected.models.size;
    if (++this.#uses < SAMPLE_USES * Math.max(100, resident)) return;
    this.#uses = 0;
    const halves = [...this.#counts].map(([key, count]) => [key, count >> 1] as const);
    this.#counts = new Map(halves.filter(([, count]) => count > 0));
  }
}
