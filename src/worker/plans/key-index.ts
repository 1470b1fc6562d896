/** At most so full: a look-up of what isn't there ends at the first empty slot. */
const MAX_FILL = 0.6;

/**
 * Handles by a hash: open addressing with linear probing, so that all with one hash are found by walking on from one
 * slot. Of each handle only its number is in here; hashes are asked for.
 */
export class KeyIndex {
  readonly #hashOf: (handle: number) => number;
  /** Handle + 1; 0: empty. */
  #slots = new Uint32Array(64);
  #count = 0;

  constructor(hashOf: (handle: number) => number) {
    this.#hashOf = hashOf;
  }

  add(handle: number): void {
    if (this.#count >= MAX_FILL * this.#slots.length) this.#grow();
    this.#put(handle);
    this.#count++;
  }

  /** The first slot to look at. */
  start(hash: number): number {
    return hash & (this.#slots.length - 1);
  }

  next(slot: number): number {
    return (slot + 1) & (this.#slots.length - 1);
  }

  /** The handle in a slot; -1: it is empty, and no more are to come. */
  at(slot: number): number {
    return (this.#slots[slot] as number) - 1;
  }

  delete(handle: number): void {
    let hole = this.start(this.#hashOf(handle));
    while (this.#slots[hole] !== handle + 1) hole = this.next(hole);
    this.#count--;
    // What comes after moves up where it may, so that no walk meets a gap.
    for (let slot = this.next(hole); this.#slots[slot] !== 0; slot = this.next(slot)) {
      const home = this.start(this.#hashOf(this.at(slot)));
      if (this.#distance(home, slot) < this.#distance(hole, slot)) continue;
      this.#slots[hole] = this.#slots[slot] as number;
      hole = slot;
    }
    this.#slots[hole] = 0;
  }

  #put(handle: number): void {
    let slot = this.start(this.#hashOf(handle));
    while (this.#slots[slot] !== 0) slot = this.next(slot);
    this.#slots[slot] = handle + 1;
  }

  #distance(from: number, to: number): number {
    return (to - from) & (this.#slots.length - 1);
  }

  #grow(): void {
    const old = this.#slots;
    this.#slots = new Uint32Array(2 * old.length);
    for (const handle of old) if (handle !== 0) this.#put(handle - 1);
  }
}
