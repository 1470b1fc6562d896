import type { ModelKey } from '../../wire/model-key.ts';

/** A lane as the suspects see it. */
export interface SuspectsLane {
  /** Other versions are suspects now. */
  onSuspectsChanged(): void;
  /** None is at work any more: it may have a turn. */
  onSuspectDone(): void;
}

/**
 * Versions that were at work when a worker died lately. Only one of them runs or loads at a time in the whole worker,
 * and alone in its message: when the worker dies again, only the one that did it was at work among them.
 */
export class Suspects {
  #keys: ReadonlySet<ModelKey>;
  /** Lanes with one at work: more than one only where those had begun before they became suspects. */
  #atWork = 0;
  readonly #lanes = new Set<SuspectsLane>();
  /** Those whose turn came while a suspect was at work, the one that waits longest first. */
  readonly #waiting = new Set<SuspectsLane>();

  constructor(keys: readonly ModelKey[] = []) {
    this.#keys = new Set(keys);
  }

  get keys(): ReadonlySet<ModelKey> {
    return this.#keys;
  }

  has(key: ModelKey): boolean {
    return this.#keys.size > 0 && this.#keys.has(key);
  }

  /** Whether a suspect may go to a thread now. */
  get mayEnter(): boolean {
    return this.#atWork === 0;
  }

  /** A lane takes its turn; when no suspect may go with it, it is told once one may. */
  onTurn(lane: SuspectsLane): void {
    if (this.mayEnter) this.#waiting.delete(lane);
    else this.#waiting.add(lane);
  }

  enter(): void {
    this.#atWork++;
  }

  leave(): void {
    this.#atWork--;
    if (this.mayEnter) for (const lane of this.#waiting) lane.onSuspectDone();
  }

  replace(keys: readonly ModelKey[]): void {
    this.#keys = new Set(keys);
    for (const lane of this.#lanes) lane.onSuspectsChanged();
  }

  join(lane: SuspectsLane): void {
    this.#lanes.add(lane);
  }
}
