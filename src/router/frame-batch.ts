import type { Duplex } from 'node:stream';

/** Above this, frames go to the kernel as they are instead of being copied into one buffer. */
const MAX_COPIED_BYTES = 256 * 1024;

/**
 * Gathers frames for one socket: all of one turn of the event loop, and all that come while an earlier write
 * has not reached the kernel, leave as one write. An idle socket waits for nothing but the end of the turn.
 */
export class FrameBatch {
  readonly #socket: Duplex;
  readonly #onWrite: (frames: number) => void;
  readonly #maxFrames: number;
  #frames: Buffer[] = [];
  #bytes = 0;
  #scheduled = false;
  #writing = false;

  constructor(socket: Duplex, onWrite: (frames: number) => void, maxFrames: number) {
    this.#socket = socket;
    this.#onWrite = onWrite;
    this.#maxFrames = maxFrames;
  }

  add(frame: Buffer): void {
    this.#frames.push(frame);
    this.#bytes += frame.length;
    if (this.#frames.length >= this.#maxFrames) this.#flush();
    else this.#schedule();
  }

  /** Takes a frame back that has not been handed to the socket; false when it has. */
  remove(frame: Buffer): boolean {
    const index = this.#frames.indexOf(frame);
    if (index < 0) return false;
    this.#frames.splice(index, 1);
    this.#bytes -= frame.length;
    return true;
  }

  #schedule(): void {
    if (this.#scheduled || this.#writing || this.#frames.length === 0) return;
    this.#scheduled = true;
    setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    this.#scheduled = false;
    const frames = this.#frames;
    if (frames.length === 0 || this.#socket.destroyed) return;
    this.#frames = [];
    this.#writing = true;
    this.#onWrite(frames.length);
    if (frames.length === 1) this.#socket.write(frames[0], this.#written);
    else if (this.#bytes <= MAX_COPIED_BYTES) {
      this.#socket.write(Buffer.concat(frames, this.#bytes), this.#written);
    } else {
      const last = frames.length - 1;
      this.#socket.cork();
      frames.forEach((frame, index) => this.#socket.write(frame, index === last ? this.#written : undefined));
      this.#socket.uncork();
    }
    this.#bytes = 0;
  };

  /** Also called with the error of a socket that died; its owner hears of that by itself. */
  readonly #written = (): void => {
    this.#writing = false;
    if (!this.#socket.destroyed) this.#schedule();
  };
}
