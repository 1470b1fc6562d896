import { EventEmitter, once } from 'node:events';

/** Lets a test wait until something happened so many times. */
export class Happening {
  readonly #emitter = new EventEmitter();
  count = 0;

  happen(): void {
    this.count++;
    this.#emitter.emit('happened');
  }

  async times(count: number): Promise<void> {
    while (this.count < count) await once(this.#emitter, 'happened');
  }
}
