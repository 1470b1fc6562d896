const { fround } = Math;

/**
 * Of floats, as ONNX Runtime multiplies matrices of two rows and more: one term after the other, each added with one
 * rounding. The same bits (but for a product that is a tie twice), so that ties and overflows are the same too.
 */
export function dot(a: Float32Array, at: number, b: Float32Array, bAt: number, count: number): number {
  let sum = 0;
  for (let index = 0; index < count; index++)
    sum = fround((a[at + index] as number) * (b[bAt + index] as number) + sum);
  return sum;
}

/** Writes to[toAt + i], the products of `a` with each of `lines` lines of `b`. Pairs of them don't wait for each other. */
export function dots(
  a: Float32Array,
  at: number,
  b: Float32Array,
  bAt: number,
  count: number,
  to: Float32Array,
  toAt: number,
  lines: number,
): void {
  let line = 0;
  for (; line + 1 < lines; line += 2) {
    let first = 0;
    let second = 0;
    const firstAt = bAt + line * count;
    const secondAt = firstAt + count;
    for (let index = 0; index < count; index++) {
      const value = a[at + index] as number;
      first = fround(value * (b[firstAt + index] as number) + first);
      second = fround(value * (b[secondAt + index] as number) + second);
    }
    to[toAt + line] = first;
    to[toAt + line + 1] = second;
  }
  if (line < lines) to[toAt + line] = dot(a, at, b, bAt + line * count, count);
}
