import type { PostTransform } from '../../../model/plan/classical-steps.ts';

const { abs, exp, fround, log, sqrt } = Math;
const LOWEST = -3.4028234663852886e38;
/** Below it a score is none, for SOFTMAX_ZERO. */
const NEAR_ZERO = fround(1e-7);
const SQRT2 = fround(Math.SQRT2);
const PROBIT_A = fround(0.147);
const PROBIT_B = fround(2 / fround(fround(Math.PI) * PROBIT_A));
const PROBIT_C = fround(1 / PROBIT_A);

/** A row's scores from `at` on become what the transform makes of them; in float steps, as ONNX Runtime's scalar code. */
export function postTransform(kind: PostTransform, f32: Float32Array, at: number, count: number): void {
  if (kind === 'LOGISTIC')
    for (let index = at; index < at + count; index++) f32[index] = logistic(f32[index] as number);
  else if (kind === 'SOFTMAX') softmax(f32, at, count);
  else if (kind === 'SOFTMAX_ZERO') softmaxZero(f32, at, count);
  else if (kind === 'PROBIT')
    for (let index = at; index < at + count; index++) f32[index] = probit(f32[index] as number);
}

export function logistic(score: number): number {
  const value = fround(1 / fround(1 + fround(exp(-abs(score)))));
  return score < 0 ? fround(1 - value) : value;
}

/** sqrt(2) times an approximate inverse of the error function at 2 * score - 1. */
export function probit(score: number): number {
  const x = fround(fround(2 * score) - 1);
  const logarithm = fround(log(fround(fround(1 - x) * fround(1 + x))));
  const v = fround(PROBIT_B + fround(0.5 * logarithm));
  const v2 = fround(PROBIT_C * logarithm);
  const root = fround(sqrt(fround(fround(v * v) - v2)));
  const inverse = fround(sqrt(fround(root - v)));
  return fround(SQRT2 * (x < 0 ? -inverse : inverse));
}

export function softmax(f32: Float32Array, at: number, count: number): void {
  const end = at + count;
  const most = greatest(f32, at, end);
  let sum = 0;
  for (let index = at; index < end; index++) {
    f32[index] = exp(fround((f32[index] as number) - most));
    sum = fround(sum + (f32[index] as number));
  }
  for (let index = at; index < end; index++) f32[index] = (f32[index] as number) / sum;
}

/** Scores of zero stay zero. */
function softmaxZero(f32: Float32Array, at: number, count: number): void {
  const end = at + count;
  const most = greatest(f32, at, end);
  const shrunk = fround(exp(-most));
  let sum = 0;
  for (let index = at; index < end; index++) {
    const score = f32[index] as number;
    if (score > NEAR_ZERO || score < -NEAR_ZERO) {
      f32[index] = exp(fround(score - most));
      sum = fround(sum + (f32[index] as number));
    } else f32[index] = score * shrunk;
  }
  for (let index = at; index < end; index++) f32[index] = (f32[index] as number) / sum;
}

/** NaN is never greater. */
function greatest(f32: Float32Array, at: number, end: number): number {
  let most = LOWEST;
  for (let index = at; index < end; index++) {
    const score = f32[index] as number;
    if (score > most) most = score;
  }
  return most;
}
