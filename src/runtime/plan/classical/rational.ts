const { fround } = Math;

/*
 * ONNX Runtime computes these two of whole tensors by ratios of polynomials (MLAS), whose small results differ from
 * the functions' own by more than a rounding. So the same polynomials, an addition and its product rounded once; one
 * after the other without loops, as numerator and denominator then don't wait for each other.
 */
const LOGISTIC_BOUND = 18;
const L9 = fround(4.37031012579801e-11);
const L7 = fround(1.15627324459942e-7);
const L5 = fround(6.08574864600143e-5);
const L3 = fround(8.51377133304701e-3);
const L1 = fround(2.48287947061529e-1);
const L10 = fround(6.10247389755681e-13);
const L8 = fround(5.76102136993427e-9);
const L6 = fround(6.2910678501704e-6);
const L4 = fround(1.70198817374094e-3);
const L2 = fround(1.16817656904453e-1);
const L0 = fround(9.9315192102318e-1);

/** 1 / (1 + exp(-x)) of a float. */
export function rationalLogistic(x: number): number {
  const near = x < -LOGISTIC_BOUND ? -LOGISTIC_BOUND : x > LOGISTIC_BOUND ? LOGISTIC_BOUND : x;
  const square = fround(near * near);
  let p = fround(L9 * square + L7);
  let q = fround(L10 * square + L8);
  p = fround(p * square + L5);
  q = fround(q * square + L6);
  p = fround(p * square + L3);
  q = fround(q * square + L4);
  p = fround(p * square + L1);
  q = fround(q * square + L2);
  q = fround(q * square + L0);
  const value = fround(fround(fround(p * near) / q) + 0.5);
  return value < 0 ? 0 : value > 1 ? 1 : value;
}

const TANH_BOUND = 9;
const T13 = fround(-2.76076847742355e-16);
const T11 = fround(2.00018790482477e-13);
const T9 = fround(-8.60467152213735e-11);
const T7 = fround(5.12229709037114e-8);
const T5 = fround(1.48572235717979e-5);
const T3 = fround(6.37261928875436e-4);
const T1 = fround(4.89352455891786e-3);
const T6 = fround(1.19825839466702e-6);
const T4 = fround(1.18534705686654e-4);
const T2 = fround(2.268434632439e-3);
const T0 = fround(4.89352518554385e-3);

/** tanh of a float. */
export function rationalTanh(x: number): number {
  const near = x < -TANH_BOUND ? -TANH_BOUND : x > TANH_BOUND ? TANH_BOUND : x;
  const square = fround(near * near);
  let p = fround(T13 * square + T11);
  let q = fround(T6 * square + T4);
  p = fround(p * square + T9);
  q = fround(q * square + T2);
  p = fround(p * square + T7);
  q = fround(q * square + T0);
  p = fround(p * square + T5);
  p = fround(p * square + T3);
  p = fround(p * square + T1);
  return fround(fround(p * near) / q);
}
