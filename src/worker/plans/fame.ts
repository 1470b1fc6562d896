const FLOOR = 64;

/**
 * What the uses of plans that are gone weighed: one that comes back is no stranger. A slot for each hash, the
 * latest one has it; as many slots as plans were resident.
 */
export class PlanFame {
  #hashes = new Uint32Array(FLOOR);
  #weights = new Float64Array(FLOOR);

  /** `resident`: how many are. */
  remember(hash: number, weight: number, resident: number): void {
    if (resident > this.#hashes.length) this.#grow();
    const slot = hash & (this.#hashes.length - 1);
    this.#hashes[slot] = hash;
    this.#weights[slot] = weight;
  }

  /** 0: a stranger. */
  recall(hash: number): number {
    const slot = hash & (this.#hashes.length - 1);
    return this.#hashes[slot] === hash ? (this.#weights[slot] as number) : 0;
  }

  scaleDown(by: number): void {
    for (let slot = 0; slot < this.#weights.length; slot++) (this.#weights[slot] as number) /= by;
  }

  #grow(): void {
    const [hashes, weights] = [this.#hashes, this.#weights];
    this.#hashes = new Uint32Array(2 * hashes.length);
    this.#weights = new Float64Array(2 * hashes.length);
    for (let slot = 0; slot < hashes.length; slot++) {
      const weight = weights[slot] as number;
      if (weight > 0) this.remember(hashes[slot] as number, weight, 0);
    }
  }
}
