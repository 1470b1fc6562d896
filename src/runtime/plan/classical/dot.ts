/** Of floats, summed in double. */
export function dot(a: Float32Array, at: number, b: Float32Array, bAt: number, count: number): number {
  let sum = 0;
  for (let index = 0; index < count; index++) sum += (a[at + index] as number) * (b[bAt + index] as number);
  return sum;
}
