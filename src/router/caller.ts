/**
 * Whoever waits for a prediction, and whether they still do. One wait at a time listens to it, so a plain
 * callback does what an AbortSignal would at a fraction of its cost.
 */
export class Caller {
  isGone = false;
  /** Called once when the caller goes away. */
  onGone: (() => void) | undefined;

  leave(): void {
    if (this.isGone) return;
    this.isGone = true;
    this.onGone?.();
  }
}
