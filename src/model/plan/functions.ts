import { erf } from './erf.ts';

const { fround } = Math;

/**
 * The functions of elements, for constants and for rows alike. A result is rounded to float where it is one;
 * booleans are 0 and 1.
 */
export const BINARY = {
  add: (a: number, b: number) => a + b,
  sub: (a: number, b: number) => a - b,
  mul: (a: number, b: number) => a * b,
  div: (a: number, b: number) => a / b,
  addInt32: (a: number, b: number) => (a + b) | 0,
  subInt32: (a: number, b: number) => (a - b) | 0,
  mulInt32: Math.imul,
  // Integers have no -0.
  mulInt: (a: number, b: number) => a * b + 0,
  divInt: (a: number, b: number) => integer(a / b),
  modInt: (a: number, b: number) => a - b * Math.floor(a / b),
  remInt: (a: number, b: number) => integer(a % b),
  rem: (a: number, b: number) => a % b,
  pow: power,
  // Math.min and Math.max know NaN as ONNX Runtime does.
  min: Math.min,
  max: Math.max,
  equal: (a: number, b: number) => (a === b ? 1 : 0),
  less: (a: number, b: number) => (a < b ? 1 : 0),
  lessOrEqual: (a: number, b: number) => (a <= b ? 1 : 0),
  greater: (a: number, b: number) => (a > b ? 1 : 0),
  greaterOrEqual: (a: number, b: number) => (a >= b ? 1 : 0),
  and: (a: number, b: number) => (a !== 0 && b !== 0 ? 1 : 0),
  or: (a: number, b: number) => (a !== 0 || b !== 0 ? 1 : 0),
  xor: (a: number, b: number) => ((a !== 0) === (b !== 0) ? 0 : 1),
  prelu: (a: number, b: number) => (a > 0 ? a : a * b),
} as const;
export type BinaryName = keyof typeof BINARY;

/** Some have parameters p and q. Those of floats that round on the way do it as ONNX Runtime does. */
export const UNARY = {
  copy: (x: number) => x,
  toBool: (x: number) => (x === 0 ? 0 : 1),
  toInt32: (x: number) => toInteger(x, 2 ** 31),
  wrapInt32: (x: number) => x | 0,
  toInt64: (x: number) => toInteger(x, 2 ** 63),
  not: (x: number) => (x === 0 ? 1 : 0),
  exp: Math.exp,
  log: Math.log,
  sqrt: Math.sqrt,
  abs: Math.abs,
  neg: (x: number) => -x,
  negInt: (x: number) => 0 - x,
  wrapNeg: (x: number) => -x | 0,
  wrapAbs: (x: number) => Math.abs(x) | 0,
  reciprocal: (x: number) => 1 / x,
  floor: Math.floor,
  ceil: Math.ceil,
  round: roundEven,
  sign: (x: number) => Math.sign(x) + 0,
  isNaN: (x: number) => (Number.isNaN(x) ? 1 : 0),
  /** p, q: whether minus and plus infinity count. */
  isInf: (x: number, p: number, q: number) =>
    (x === -Infinity && p !== 0) || (x === Infinity && q !== 0) ? 1 : 0,
  relu: (x: number) => (x < 0 ? 0 : x),
  leakyRelu: (x: number, p: number) => (x >= 0 ? x : p * x),
  thresholdedRelu: (x: number, p: number) => (x > p ? x : 0),
  elu: (x: number, p: number) => (x >= 0 ? x : p * fround(fround(Math.exp(x)) - 1)),
  eluDouble: (x: number, p: number) => (x >= 0 ? x : p * (Math.exp(x) - 1)),
  selu: (x: number, p: number, q: number) =>
    q * (x > 0 ? x : Math.min(0, p * fround(fround(Math.exp(x)) - 1))),
  sigmoid: (x: number) => 1 / (1 + Math.exp(-x)),
  tanh: Math.tanh,
  erf,
  softplus: (x: number) => (x > 0 ? x + Math.log1p(Math.exp(-x)) : Math.log1p(Math.exp(x))),
  softsign: (x: number) => (1 / (1 + Math.abs(x))) * x,
  hardSigmoid: (x: number, p: number, q: number) => Math.max(0, Math.min(1, p * x + q)),
  clip: (x: number, p: number, q: number) => Math.min(q, Math.max(p, x)),
} as const;
export type UnaryName = keyof typeof UNARY;

/** As C's pow: anything to the 0 and 1 to anything are 1. */
function power(a: number, b: number): number {
  if (b === 2) return a * a;
  if (a === 1 || (a === -1 && (b === Infinity || b === -Infinity))) return 1;
  return a ** b;
}

function integer(x: number): number {
  return Math.trunc(x) + 0;
}

/** What processors make of floats that no integer of the type is near. */
function toInteger(x: number, limit: number): number {
  const whole = integer(x);
  return whole >= -limit && whole < limit ? whole : -limit;
}

function roundEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return rest < 0.5 ? below : Math.ceil(x);
  return below % 2 === 0 ? below : below + 1;
}
