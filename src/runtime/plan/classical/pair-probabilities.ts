import { logistic } from './post-transform.ts';

const { abs, fround } = Math;
const MAX_LOOPS = 100;
const NEAR = fround(1e-7);
const NEAR_ONE = fround(1 - NEAR);

/** How likely the first class of a pair is, by its score. */
export function pairProbability(score: number, a: number, b: number): number {
  const value = fround(1 - logistic(fround(fround(score * a) + b)));
  const least = value < NEAR ? NEAR : value;
  return NEAR_ONE < least ? NEAR_ONE : least;
}

/**
 * Probabilities of classes out of those of pairs, by the iteration of Wu, Lin and Weng (2004), in float steps.
 * `pairs` is [classes, classes]: how likely i is when it is i or j.
 */
export function classProbabilities(
  pairs: Float32Array,
  classes: number,
  f32: Float32Array,
  at: number,
): void {
  const q = new Float32Array(classes * classes);
  const qp = new Float32Array(classes);
  const enough = fround(fround(0.005) / classes);
  start(pairs, classes, q, f32, at);
  for (let loop = 0; loop < MAX_LOOPS; loop++) {
    let pqp = 0;
    for (let i = 0; i < classes; i++) {
      let sum = 0;
      for (let j = 0; j < classes; j++)
        sum = fround(sum + fround((q[i * classes + j] as number) * (f32[at + j] as number)));
      qp[i] = sum;
      pqp = fround(pqp + fround((f32[at + i] as number) * sum));
    }
    let error = 0;
    for (const value of qp) {
      const distance = abs(fround(value - pqp));
      if (distance > error) error = distance;
    }
    if (error < enough) return;
    improve(classes, q, qp, pqp, f32, at);
  }
}

function start(pairs: Float32Array, classes: number, q: Float32Array, f32: Float32Array, at: number): void {
  for (let i = 0; i < classes; i++) {
    f32[at + i] = 1 / classes;
    let sum = 0;
    for (let j = 0; j < classes; j++) {
      if (j === i) continue;
      const lost = pairs[j * classes + i] as number;
      sum = fround(sum + fround(lost * lost));
      q[i * classes + j] =
        j < i ? (q[j * classes + i] as number) : fround(-lost * (pairs[i * classes + j] as number));
    }
    q[i * classes + i] = sum;
  }
}

function improve(
  classes: number,
  q: Float32Array,
  qp: Float32Array,
  product: number,
  f32: Float32Array,
  at: number,
): void {
  let pqp = product;
  for (let i = 0; i < classes; i++) {
    const own = q[i * classes + i] as number;
    const difference = fround(fround(-(qp[i] as number) + pqp) / own);
    f32[at + i] = (f32[at + i] as number) + difference;
    const grown = fround(1 + difference);
    const inner = fround(fround(difference * own) + fround(2 * (qp[i] as number)));
    pqp = fround(fround(fround(pqp + fround(difference * inner)) / grown) / grown);
    for (let j = 0; j < classes; j++) {
      const next = fround((qp[j] as number) + fround(difference * (q[i * classes + j] as number)));
      qp[j] = next / grown;
      f32[at + j] = (f32[at + j] as number) / grown;
    }
  }
}
