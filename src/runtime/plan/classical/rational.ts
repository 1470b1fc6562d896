const { fround } = Math;

/*
 * ONNX Runtime computes these two of whole tensors by ratios of polynomials (MLAS), whose small results differ from
 * the functions' own by more than a rounding. So the same polynomials, with every multiplication and addition
 * rounded once; from the highest power down.
 */
const LOGISTIC_ODD = Float32Array.of(
  4.37031012579801e-11,
  1.15627324459942e-7,
  6.08574864600143e-5,
  8.51377133304701e-3,
  2.48287947061529e-1,
);
const LOGISTIC_EVEN = Float32Array.of(
  6.10247389755681e-13,
  5.76102136993427e-9,
  6.2910678501704e-6,
  1.70198817374094e-3,
  1.16817656904453e-1,
  9.9315192102318e-1,
);
const TANH_ODD = Float32Array.of(
  -2.76076847742355e-16,
  2.00018790482477e-13,
  -8.60467152213735e-11,
  5.12229709037114e-8,
  1.48572235717979e-5,
  6.37261928875436e-4,
  4.89352455891786e-3,
);
const TANH_EVEN = Float32Array.of(
  1.19825839466702e-6,
  1.18534705686654e-4,
  2.268434632439e-3,
  4.89352518554385e-3,
);

/** 1 / (1 + exp(-x)) of a float. */
export function rationalLogistic(x: number): number {
  const near = x < -18 ? -18 : x > 18 ? 18 : x;
  const square = fround(near * near);
  const ratio = fround(fround(polynomial(LOGISTIC_ODD, square) * near) / polynomial(LOGISTIC_EVEN, square));
  const value = fround(ratio + 0.5);
  return value < 0 ? 0 : value > 1 ? 1 : value;
}

/** tanh of a float. */
export function rationalTanh(x: number): number {
  const near = x < -9 ? -9 : x > 9 ? 9 : x;
  const square = fround(near * near);
  return fround(fround(polynomial(TANH_ODD, square) * near) / polynomial(TANH_EVEN, square));
}

function polynomial(coefficients: Float32Array, x: number): number {
  let sum = coefficients[0] as number;
  for (let index = 1; index < coefficients.length; index++)
    sum = fround(sum * x + (coefficients[index] as number));
  return sum;
}
