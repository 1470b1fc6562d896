import type { OperatorCompiler, PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { stridesOf } from '../../shapes.ts';
import type { Value } from '../../values.ts';
import { viewed } from './moves.ts';
import { innerAxis, intAttribute, rankOf, laidInput } from './parameters.ts';

interface Range {
  readonly start: number;
  readonly step: number;
  readonly count: number;
}

const slice: OperatorCompiler = (node) => {
  const value = laidInput(node, 0);
  const starts = bounds(node, 'starts', 1);
  const ends = bounds(node, 'ends', 2);
  if (starts === undefined || ends?.length !== starts.length)
    throw new NotCompiled(`has no bounds that match in ${node.name}`);
  const axes = bounds(node, 'axes', 3) ?? starts.map((_, axis) => axis);
  const steps = bounds(node, 'steps', 4) ?? starts.map(() => 1);
  const ranges: Range[] = value.dims.map((dim) => ({ start: 0, step: 1, count: dim }));
  for (const [index, start] of starts.entries()) {
    const end = ends[index] as number;
    const step = steps[index] ?? 0;
    const rank = rankOf(value);
    const written = axes[index] ?? Number.NaN;
    const axis = written < 0 ? written + rank : written;
    // PyTorch writes x[:, 1:] with both axes.
    const isAll = start === 0 && step === 1 && end >= 2 ** 31 - 1;
    if (value.kind === 'row' && axis === 0 && isAll) continue;
    const at = innerAxis(node, value, axis, rank);
    ranges[at] = range(node, value.dims[at] as number, start, end, step);
  }
  const strides = stridesOf(value.dims);
  return [
    viewed(node.builder, value, {
      dims: ranges.map(({ count }) => count),
      strides: ranges.map(({ step }, axis) => step * (strides[axis] as number)),
      offset: ranges.reduce((sum, { start }, axis) => sum + start * (strides[axis] as number), 0),
    }),
  ];
};

/** They may lie far beyond the value, where integers are no longer exact. */
function bounds(node: PlanNode, name: string, index: number): number[] | undefined {
  const input = node.inputs[index];
  if (input === undefined) return node.attribute(name)?.ints.map(Number);
  const isConstant = input.kind === 'const' && input.data instanceof Float64Array;
  if (!isConstant || input.data.some(Number.isNaN))
    throw new NotCompiled(`takes ${name} that are not constant in ${node.name}`);
  return Array.from(input.data);
}

function range(node: PlanNode, dim: number, from: number, to: number, step: number): Range {
  if (step === 0) throw new NotCompiled(`steps by 0 in ${node.name}`);
  const isUp = step > 0;
  const clamp = (at: number, least: number, most: number) =>
    Math.min(most, Math.max(least, at < 0 ? at + dim : at));
  const start = isUp ? clamp(from, 0, dim) : clamp(from, 0, dim - 1);
  const end = isUp ? clamp(to, 0, dim) : clamp(to, -1, dim - 1);
  const count = Math.max(0, Math.ceil((end - start) / step));
  // An empty one begins nowhere.
  return count === 0 ? { start: 0, step: 1, count } : { start, step: count === 1 ? 1 : step, count };
}

const split: OperatorCompiler = (node) => {
  const value = laidInput(node, 0);
  const axis = innerAxis(node, value, intAttribute(node, 'axis', 0));
  const dim = value.dims[axis] as number;
  const parts = node.outputs.length;
  // The last of equal parts is smaller when they don't come out even.
  const part = Math.ceil(dim / parts);
  const equal = node.outputs.map((_, index) => Math.max(0, Math.min(part, dim - index * part)));
  const sizes = bounds(node, 'split', 1) ?? equal;
  const fits =
    sizes.length === parts &&
    sizes.every((size) => Number.isSafeInteger(size) && size >= 0) &&
    sizes.reduce((sum, size) => sum + size, 0) === dim;
  if (!fits) throw new NotCompiled(`splits ${dim} into [${sizes.join()}] in ${node.name}`);
  return splitInto(node, value, axis, sizes);
};

function splitInto(node: PlanNode, value: Value, axis: number, sizes: readonly number[]): Value[] {
  const strides = stridesOf(value.dims);
  let start = 0;
  return sizes.map((size) => {
    const offset = start * (strides[axis] as number);
    start += size;
    return viewed(node.builder, value, { dims: value.dims.with(axis, size), strides, offset });
  });
}

export const SLICE_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [
  ['Slice', slice],
  ['Split', split],
];
