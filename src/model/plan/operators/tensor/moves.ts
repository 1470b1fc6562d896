import type { PlanBuilder } from '../../builder.ts';
import { type Axis, gatherMap, splitAt, stridesOf, viewMap } from '../../shapes.ts';
import type { Step } from '../../structure.ts';
import { type ConstValue, type RowValue, sizeOf, type Value } from '../../values.ts';

/** Operators that only move elements, of constants and of rows. `dims` are a value's own, without the rows. */
export interface View {
  readonly dims: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

/** The same elements in other dimensions. */
export function reshaped(value: Value, dims: readonly number[]): Value {
  return { ...value, dims };
}

export function viewed(builder: PlanBuilder, value: Value, { dims, strides, offset }: View): Value {
  if (isWhole(value, dims, strides, offset)) return reshaped(value, dims);
  const map = () => viewMap(dims, strides, offset);
  return moved(builder, value, dims, map, (input, output) => ({
    op: 'view',
    sizes: dims,
    strides,
    offset,
    input,
    output,
  }));
}

export function gathered(
  builder: PlanBuilder,
  value: Value,
  at: number,
  indices: readonly number[],
  indexDims: readonly number[],
): Value {
  const axis: Axis = splitAt(value.dims, at);
  const dims = [...value.dims.slice(0, at), ...indexDims, ...value.dims.slice(at + 1)];
  if (indices.length === axis.size && indices.every((index, place) => index === place))
    return reshaped(value, dims);
  const map = () => gatherMap(axis, indices);
  return moved(builder, value, dims, map, (input, output) => ({
    op: 'gather',
    axis,
    indices,
    input,
    output,
  }));
}

function moved(
  builder: PlanBuilder,
  value: Value,
  dims: readonly number[],
  map: () => Int32Array,
  step: (input: number, output: number) => Step,
): Value {
  if (value.kind === 'const') return builder.constant(value.type, dims, () => picked(value, map()));
  const output = builder.row(value.type, dims, undefined, value.integers);
  builder.step(step(value.register, output.register), sizeOf(dims));
  return withOrigins(output, value.origins && Array.from(map(), (place) => value.origins?.[place]));
}

/** A value with what is known of its elements. */
export function withOrigins(value: RowValue, origins: RowValue['origins']): RowValue {
  return origins?.some((origin) => origin !== undefined) === true ? { ...value, origins } : value;
}

function picked({ data }: ConstValue, map: Int32Array): ConstValue['data'] {
  if (data instanceof Float64Array) return Float64Array.from(map, (place) => data[place] as number);
  return Array.from(map, (place) => data[place] as string);
}

function isWhole(value: Value, dims: readonly number[], strides: readonly number[], offset: number): boolean {
  if (offset !== 0 || sizeOf(dims) !== sizeOf(value.dims)) return false;
  const whole = stridesOf(dims);
  return dims.every((dim, axis) => dim <= 1 || strides[axis] === whole[axis]);
}
