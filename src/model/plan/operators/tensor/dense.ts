import type { OperatorCompiler, PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { kindOf, numbersOf, type RowValue, rowValue, sizeOf, type Value } from '../../values.ts';
import { arithmeticOf } from './binary.ts';
import { aligned, spreadNumbers } from './operands.ts';
import { floatAttribute, intAttribute, laidInput } from './parameters.ts';

/** Nanoseconds a product, measured. */
const WORK_A_PRODUCT = 0.8;
/**
 * More products a row than this, and ONNX Runtime, whose products take a twentieth of that, is faster even for a single
 * row: measured 26 microseconds here against 15 and the way to a lane and back.
 */
const MAX_PRODUCTS = 1 << 15;

interface Dense {
  readonly input: RowValue;
  /** [k, n], or [n, k] when transposed. */
  readonly weights: Float64Array;
  readonly isTransposed: boolean;
  readonly k: number;
  readonly n: number;
  readonly dims: readonly number[];
  readonly bias?: Float64Array | undefined;
  readonly alpha: number;
}

function dense(node: PlanNode, { input, weights, isTransposed, k, n, dims, bias, alpha }: Dense): RowValue {
  const { builder } = node;
  if (kindOf(input.type) === 'int') throw new NotCompiled(`multiplies integers in ${node.name}`);
  const numbers = (data: Float64Array) => (input.type === 'FP32' ? Float32Array.from(data) : data);
  const output = builder.row(input.type, dims);
  const m = sizeOf(dims) / Math.max(1, n);
  const products = m * n * k;
  builder.products += products;
  if (builder.products > MAX_PRODUCTS)
    throw new NotCompiled(`multiplies more than ${MAX_PRODUCTS} numbers a row`);
  builder.step(
    {
      op: 'dense',
      m,
      k,
      n,
      input: input.register,
      weights: builder.section(numbers(isTransposed ? weights : transposed(weights, k, n))),
      ...(bias === undefined ? {} : { bias: builder.section(numbers(bias)) }),
      ...(alpha === 1 ? {} : { alpha: builder.section(Float64Array.of(alpha)) }),
      output: output.register,
    },
    WORK_A_PRODUCT * products + 2 * m * n,
  );
  return output;
}

function transposed(weights: Float64Array, k: number, n: number): Float64Array {
  const turned = new Float64Array(k * n);
  for (let i = 0; i < k; i++) for (let j = 0; j < n; j++) turned[j * k + i] = weights[i * n + j] as number;
  return turned;
}

const matMul: OperatorCompiler = (node) => {
  const input = rowValue(laidInput(node, 0), 'a product');
  const right = laidInput(node, 1);
  const weights = numbersOf(right, `weights of ${node.name}`);
  const k = input.dims.at(-1);
  const shape = right.dims.length === 1 ? [...right.dims, 1] : right.dims;
  const [height, n] = shape.slice(-2) as [number, number];
  // More axes before the matrix's must be ones, and no more than the input has.
  const fits = k === height && sizeOf(shape.slice(0, -2)) === 1 && shape.length <= input.dims.length + 1;
  if (!fits || k === undefined || right.type !== input.type)
    throw new NotCompiled(`has weights that do not fit the input of ${node.name}`);
  const dims = [...input.dims.slice(0, -1), ...(right.dims.length === 1 ? [] : [n])];
  return [dense(node, { input, weights, isTransposed: false, k, n, dims, alpha: 1 })];
};

const gemm: OperatorCompiler = (node) => {
  const input = rowValue(laidInput(node, 0), 'a product');
  const right = laidInput(node, 1);
  const weights = numbersOf(right, `weights of ${node.name}`);
  const isTransposed = intAttribute(node, 'transB', 0) !== 0;
  const [k, n] = (isTransposed ? right.dims.toReversed() : right.dims) as [number, number];
  if (intAttribute(node, 'transA', 0) !== 0) throw new NotCompiled(`works across rows in ${node.name}`);
  if (right.dims.length !== 2 || input.dims.length !== 1 || input.dims[0] !== k || right.type !== input.type)
    throw new NotCompiled(`has weights that do not fit the input of ${node.name}`);
  const dims = [n];
  const alpha = floatAttribute(node, 'alpha', 1);
  const beta = floatAttribute(node, 'beta', 1);
  const parts = { input, weights, isTransposed, k, n, dims, alpha };
  const added = node.inputs[2] === undefined || beta === 0 ? undefined : laidInput(node, 2);
  if (added === undefined) return [dense(node, parts)];
  if (added.type !== input.type) throw new NotCompiled(`mixes types in ${node.name}`);
  if (added.kind === 'const') {
    const bias = biasOf(node, input, added, dims).map((number) => beta * number);
    return [dense(node, { ...parts, bias })];
  }
  if (added.dims.length !== 1) throw new NotCompiled(`works across rows in ${node.name}`);
  const scale: Value = { kind: 'const', type: input.type, dims: [], data: Float64Array.of(beta) };
  const scaled = beta === 1 ? added : arithmeticOf(node, 'mul', [added, scale]);
  return [arithmeticOf(node, 'add', [dense(node, parts), scaled])];
};

function biasOf(node: PlanNode, input: RowValue, added: Value, dims: readonly number[]): Float64Array {
  const { values } = aligned(node, [{ ...input, dims }, added]);
  const bias = values[1] as Value;
  if (bias.dims.some((dim) => dim !== 1 && dim !== dims[0]))
    throw new NotCompiled(`has weights that do not fit the input of ${node.name}`);
  return spreadNumbers(node, bias, dims);
}

export const DENSE_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [
  ['MatMul', matMul],
  ['Gemm', gemm],
];
