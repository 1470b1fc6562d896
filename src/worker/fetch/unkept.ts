import type { Digest } from '../../core/ids.ts';

/** What was fetched and the disk cache didn't keep (a full disk, say): in memory, the oldest go first. */
export class Unkept {
  readonly #maxBytes: number;
  readonly #contents = new Map<Digest, Uint8Array>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** Its bytes are shared by all who ask: they must not be transferred. */
  get(digest: Digest): Uint8Array | undefined {
    return this.#contents.get(digest);
  }

  put(digest: Digest, bytes: Uint8Array): void {
    if (bytes.byteLength > this.#maxBytes) return;
    this.#delete(digest);
    this.#contents.set(digest, bytes);
    this.#bytes += bytes.byteLength;
    for (const oldest of this.#contents.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.#delete(oldest);
    }
  }

  #delete(digest: Digest): void {
    this.#bytes -= this.#contents.get(digest)?.byteLength ?? 0;
    this.#contents.delete(digest);
  }
}
