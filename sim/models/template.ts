import type { Rng } from '../workload/rng.ts';
import type { Slots } from './slots.ts';

/** A structure's encoded model and how its numbers are drawn. */
export interface Template {
  readonly bytes: Buffer;
  /** Writes one model's numbers into a copy of `bytes`. */
  write(view: DataView, rng: Rng): void;
}

export function writeFloats(
  view: DataView,
  { at, stride, count }: Slots,
  value: (at: number) => number,
): void {
  for (let number = 0; number < count; number++) view.setFloat32(at + number * stride, value(number), true);
}

/** Even noise of standard deviation `scale`: what a weight looks like to a kernel. */
export function writeNoise(view: DataView, { at, stride, count }: Slots, rng: Rng, scale: number): void {
  const step = (scale * Math.sqrt(12)) / 4_294_967_296;
  for (let number = 0; number < count; number++) {
    view.setFloat32(at + number * stride, (rng.next32() - 2_147_483_648) * step, true);
  }
}
