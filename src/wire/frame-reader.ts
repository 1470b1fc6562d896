import { FrameError } from './frames.ts';

const LENGTH_BYTES = 4;
const MIN_FRAME_BYTES = 16;

/**
 * Cuts a byte stream into whole frames. A frame that lies within one chunk is a view into it; one that spans
 * chunks is copied together once. Bytes held are at most one frame and a chunk, which `maxFrameBytes` bounds.
 */
export class FrameReader {
  readonly #maxFrameBytes: number;
  #pending: Buffer[] = [];
  #pendingBytes = 0;
  #neededBytes = LENGTH_BYTES;

  constructor(maxFrameBytes: number) {
    this.#maxFrameBytes = maxFrameBytes;
  }

  /** Calls `onFrame` for every frame that `chunk` completes. Throws FrameError: drop the connection then. */
  push(chunk: Buffer, onFrame: (frame: Buffer) => void): void {
    this.#pending.push(chunk);
    this.#pendingBytes += chunk.length;
    if (this.#pendingBytes < this.#neededBytes) return;
    let rest = this.#pending.length === 1 ? chunk : Buffer.concat(this.#pending, this.#pendingBytes);
    for (;;) {
      this.#neededBytes = this.#frameBytes(rest);
      if (rest.length < this.#neededBytes) break;
      const frame = rest.subarray(0, this.#neededBytes);
      rest = rest.subarray(this.#neededBytes);
      onFrame(frame);
    }
    this.#pending = rest.length === 0 ? [] : [rest];
    this.#pendingBytes = rest.length;
  }

  #frameBytes(rest: Buffer): number {
    if (rest.length < LENGTH_BYTES) return LENGTH_BYTES;
    const length = rest.readUInt32LE(0);
    if (length < MIN_FRAME_BYTES || length % 8 !== 0 || length > this.#maxFrameBytes) {
      throw new FrameError(`frame length ${length} is not a multiple of 8 up to ${this.#maxFrameBytes}`);
    }
    return length;
  }
}
