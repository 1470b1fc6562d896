import { NotCompiled } from './not-compiled.ts';
import { sizeOf } from './values.ts';

/** How far apart neighbours of each axis lie. */
export function stridesOf(dims: readonly number[]): number[] {
  const strides: number[] = [];
  let stride = 1;
  for (const dim of dims.toReversed()) {
    strides.unshift(stride);
    stride *= dim;
  }
  return strides;
}

/** The dimensions that values of these dimensions come to together, trailing axes against each other. */
export function broadcastDims(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1)
      throw new NotCompiled(`puts shapes [${a.join()}] and [${b.join()}] together`);
    return left === 1 ? right : left;
  });
}

/** The strides with which a value of dimensions `from` is read as one of dimensions `to`. */
export function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const strides = stridesOf(from);
  const missing = to.length - from.length;
  return to.map((_, axis) =>
    axis < missing || from[axis - missing] === 1 ? 0 : (strides[axis - missing] as number),
  );
}

/** The places of a view's elements, in order. */
export function viewMap(sizes: readonly number[], strides: readonly number[], offset = 0): Int32Array {
  const map = new Int32Array(sizeOf(sizes));
  const counters = sizes.map(() => 0);
  let at = offset;
  for (let index = 0; index < map.length; index++) {
    map[index] = at;
    for (let axis = sizes.length - 1; axis >= 0; axis--) {
      at += strides[axis] as number;
      if (++(counters[axis] as number) < (sizes[axis] as number)) break;
      at -= (strides[axis] as number) * (sizes[axis] as number);
      counters[axis] = 0;
    }
  }
  return map;
}

/** Where each element of a value of dimensions `to` comes from; undefined: from its own place. */
export function broadcastMap(from: readonly number[], to: readonly number[]): Int32Array | undefined {
  return sizeOf(from) === sizeOf(to) ? undefined : viewMap(to, broadcastStrides(from, to));
}

/** Dimensions before, at and after an axis. */
export interface Axis {
  readonly outer: number;
  readonly size: number;
  readonly inner: number;
}

export function splitAt(dims: readonly number[], axis: number): Axis {
  return {
    outer: sizeOf(dims.slice(0, axis)),
    size: dims[axis] as number,
    inner: sizeOf(dims.slice(axis + 1)),
  };
}

/** Places of elements when one axis is indexed by a list. */
export function gatherMap({ outer, size, inner }: Axis, indices: readonly number[]): Int32Array {
  const map = new Int32Array(outer * indices.length * inner);
  if (map.length === 0) return map;
  let at = 0;
  for (let o = 0; o < outer; o++)
    for (const index of indices) for (let i = 0; i < inner; i++) map[at++] = (o * size + index) * inner + i;
  return map;
}
