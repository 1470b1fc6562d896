import { createHash, timingSafeEqual } from 'node:crypto';

/** The fleet's token as its processes ask each other for it: `authorization: Bearer <token>`. */
export class BearerToken {
  readonly #hash: Buffer;

  constructor(token: string) {
    this.#hash = sha256(`Bearer ${token}`);
  }

  accepts(authorization: string | undefined): boolean {
    // Hashes are compared, so that neither content nor length shows in the time it takes.
    return timingSafeEqual(sha256(authorization ?? ''), this.#hash);
  }
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text).digest();
}
