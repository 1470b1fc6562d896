import { encodeHeld } from '../../wire/frames.ts';
import type { ModelKey } from '../../wire/model-key.ts';

/** The models that hold their lane now for longer than `laneOverrunMs`, and the routers, all of which are told. */
export class HeldModels {
  readonly #keys = new Set<ModelKey>();
  readonly #routers = new Set<(frame: Buffer) => void>();

  set(key: ModelKey, isHeld: boolean): void {
    if (isHeld) this.#keys.add(key);
    else this.#keys.delete(key);
    const frame = encodeHeld(key, isHeld);
    for (const send of this.#routers) send(frame);
  }

  /** Tells a router of those that hold a lane now, and of all changes until `leave`. */
  join(send: (frame: Buffer) => void): void {
    for (const key of this.#keys) send(encodeHeld(key, true));
    this.#routers.add(send);
  }

  leave(send: (frame: Buffer) => void): void {
    this.#routers.delete(send);
  }
}
