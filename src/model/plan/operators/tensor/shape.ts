import { inputOf, type OperatorCompiler, type PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { broadcastDims, broadcastStrides, stridesOf } from '../../shapes.ts';
import { sizeOf, type Value } from '../../values.ts';
import { reshaped, viewed } from './moves.ts';
import { innerAxis, intAttribute, intsParameter, rankOf, shapeParameter, laidInput } from './parameters.ts';

const reshape: OperatorCompiler = (node) => {
  const value = inputOf(node, 0);
  const attribute = node.opset < 5 ? node.attribute('shape')?.ints.map(Number) : undefined;
  const shape = attribute ?? shapeParameter(node, 1);
  const keepsZero = intAttribute(node, 'allowzero', 0) === 1;
  if (value.kind === 'const') return [reshaped(value, innerShape(node, value, shape, keepsZero))];
  const [rows, ...inner] = shape;
  const dims = innerShape(node, value, inner, keepsZero);
  if (value.across === true) {
    const { across, ...straight } = value;
    if (across && rows === -1) return [reshaped(straight, dims)];
    throw new NotCompiled(`works across rows in ${node.name}`);
  }
  // -1 rows are as many as before when a row keeps its elements; with two of -1 innerShape has thrown.
  const isRows =
    (rows === -1 && !inner.includes(-1)) ||
    (rows === 0 && !keepsZero) ||
    Number.isNaN(rows) ||
    (node.fixedRows !== undefined && rows === node.fixedRows);
  if (!isRows) throw new NotCompiled(`shapes rows into others in ${node.name}`);
  return [reshaped(value, dims)];
};

/** A shape's dimensions but for the rows, which hold what the value does. */
function innerShape(
  node: PlanNode,
  value: Value,
  shape: readonly number[],
  keepsZero: boolean,
): readonly number[] {
  const known = shape.map((dim, axis) => (dim === 0 && !keepsZero ? value.dims[axis] : dim) ?? Number.NaN);
  const size = sizeOf(value.dims);
  const rest = known.reduce((product, dim) => (dim === -1 ? product : product * dim), 1);
  const dims = known.map((dim) => (dim === -1 ? size / rest : dim));
  const fits = dims.every((dim) => Number.isSafeInteger(dim) && dim >= 0) && sizeOf(dims) === size;
  if (!fits || known.filter((dim) => dim === -1).length > 1)
    throw new NotCompiled(`shapes [${value.dims.join()}] as [${shape.join()}] in ${node.name}`);
  return dims;
}

const flatten: OperatorCompiler = (node) => {
  const value = laidInput(node, 0);
  const axis = intAttribute(node, 'axis', 1);
  const rank = rankOf(value);
  const at = axis < 0 ? axis + rank : axis;
  if (!(at >= 0 && at <= rank)) throw new NotCompiled(`names axis ${axis} of ${rank} in ${node.name}`);
  if (value.kind === 'const')
    return [reshaped(value, [sizeOf(value.dims.slice(0, at)), sizeOf(value.dims.slice(at))])];
  if (at === 0 || sizeOf(value.dims.slice(0, at - 1)) !== 1)
    throw new NotCompiled(`works across rows in ${node.name}`);
  return [reshaped(value, [sizeOf(value.dims)])];
};

const squeeze: OperatorCompiler = (node) => {
  const value = laidInput(node, 0);
  const axes = intsParameter(node, 'axes', 1);
  // Without axes all of size 1 go, and the rows may be one.
  if (axes === undefined && value.kind === 'row' && !((node.fixedRows ?? 1) > 1))
    throw new NotCompiled(`works across rows in ${node.name}`);
  const dropped =
    axes === undefined
      ? value.dims.map((_, axis) => axis).filter((axis) => value.dims[axis] === 1)
      : axes.map((axis) => innerAxis(node, value, axis));
  if (dropped.some((axis) => value.dims[axis] !== 1))
    throw new NotCompiled(`squeezes [${value.dims.join()}] in ${node.name}`);
  return [
    reshaped(
      value,
      value.dims.filter((_, axis) => !dropped.includes(axis)),
    ),
  ];
};

const unsqueeze: OperatorCompiler = (node) => {
  const value = laidInput(node, 0);
  const axes = intsParameter(node, 'axes', 1) ?? [];
  const rank = value.dims.length + axes.length;
  const fresh = new Set(axes.map((axis) => innerAxis(node, value, axis, rankOf(value) + axes.length)));
  if (fresh.size !== axes.length) throw new NotCompiled(`names an axis twice in ${node.name}`);
  const old = [...value.dims];
  const dims = Array.from({ length: rank }, (_, axis) => (fresh.has(axis) ? 1 : (old.shift() as number)));
  return [reshaped(value, dims)];
};

const transpose: OperatorCompiler = (node) => {
  const value = laidInput(node, 0);
  const rank = rankOf(value);
  const backwards = Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  const perm = node.attribute('perm')?.ints.map(Number) ?? backwards;
  if (perm.length !== rank || new Set(perm).size !== rank)
    throw new NotCompiled(`names axes wrongly in ${node.name}`);
  if (value.kind === 'row' && perm[0] !== 0) throw new NotCompiled(`works across rows in ${node.name}`);
  const axes = (value.kind === 'row' ? perm.slice(1) : perm).map((axis) => innerAxis(node, value, axis));
  if (new Set(axes).size !== axes.length) throw new NotCompiled(`names an axis twice in ${node.name}`);
  const strides = stridesOf(value.dims);
  return [
    viewed(node.builder, value, {
      dims: axes.map((axis) => value.dims[axis] as number),
      strides: axes.map((axis) => strides[axis] as number),
      offset: 0,
    }),
  ];
};

const expand: OperatorCompiler = (node) => {
  const value = laidInput(node, 0);
  const shape = shapeParameter(node, 1);
  if (value.kind === 'row' && shape.length > value.dims.length) {
    const [rows] = shape;
    const isRows =
      shape.length === value.dims.length + 1 &&
      (rows === 1 || Number.isNaN(rows) || (rows === node.fixedRows && rows !== undefined));
    if (!isRows) throw new NotCompiled(`makes more rows in ${node.name}`);
    shape.shift();
  }
  if (!shape.every((dim) => Number.isSafeInteger(dim) && dim >= 0))
    throw new NotCompiled(`takes a shape that is not constant in ${node.name}`);
  const dims = broadcastDims(value.dims, shape);
  return [viewed(node.builder, value, { dims, strides: broadcastStrides(value.dims, dims), offset: 0 })];
};

export const SHAPE_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [
  ['Reshape', reshape],
  ['Flatten', flatten],
  ['Squeeze', squeeze],
  ['Unsqueeze', unsqueeze],
  ['Transpose', transpose],
  ['Expand', expand],
];
