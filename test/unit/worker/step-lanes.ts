import type { LanePlacement, Placed } from '../../../src/worker/lanes.ts';

interface Pending {
  readonly handle: number;
  readonly what: 'load' | 'release';
  settle(error: Error | undefined): void;
}

/** Lanes that load and release when the test says so. */
export class StepLanes implements LanePlacement {
  readonly #loaded = new Set<number>();
  readonly #artifactOf = new Map<number, string>();
  readonly #pending: Pending[] = [];
  readonly #held = new Set<number>();
  #nextHandle = 1;

  get busy(): boolean {
    return this.#pending.length > 0;
  }

  get loadedCount(): number {
    return this.#loaded.size;
  }

  isLoaded(handle: number): boolean {
    return (
      this.#loaded.has(handle) &&
      !this.#pending.some((one) => one.handle === handle && one.what === 'release')
    );
  }

  /** Its lane is held, or let go. */
  hold(handle: number, isHeld = true): void {
    if (isHeld) this.#held.add(handle);
    else this.#held.delete(handle);
  }

  /** Artifacts being loaded now. */
  loading(): string[] {
    return this.#pending
      .filter((one) => one.what === 'load')
      .map((one) => this.#artifactOf.get(one.handle) as string);
  }

  /** One load or release comes to its end; a load may fail. */
  finish(pick: number, error?: Error): void {
    const [one] = this.#pending.splice(pick % Math.max(1, this.#pending.length), 1);
    one?.settle(error);
  }

  place(): Placed {
    const handle = this.#nextHandle++;
    const wait = (what: Pending['what'], onEnd: () => void): Promise<void> =>
      new Promise((resolve, reject) => {
        const settle = (error: Error | undefined): void => {
          if (what === 'load' && error !== undefined) return reject(error);
          onEnd();
          resolve();
        };
        this.#pending.push({ handle, what, settle });
      });
    const held = this.#held;
    return {
      handle,
      lane: {
        get isHeld() {
          return held.has(handle);
        },
        isHeldBy: () => false,
        run: () => undefined,
        cancel: () => false,
        delayUs: () => 0,
        load: async (_key, loaded, artifact) => {
          this.#artifactOf.set(loaded, Buffer.from(artifact).toString());
          await wait('load', () => this.#loaded.add(loaded));
          return 1;
        },
        release: (released) => wait('release', () => this.#loaded.delete(released)),
      },
    };
  }

  unplace(): void {}
}
