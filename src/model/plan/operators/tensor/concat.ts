import type { OperatorCompiler, PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { stridesOf } from '../../shapes.ts';
import {
  type ConstValue,
  type Integers,
  type Origin,
  type RowValue,
  sizeOf,
  type Value,
} from '../../values.ts';
import { withOrigins } from './moves.ts';
import { innerAxis, intAttribute, laidInput } from './parameters.ts';

const concat: OperatorCompiler = (node) => {
  const values = node.inputs.map((_, index) => laidInput(node, index));
  const [first] = values;
  if (first === undefined) throw new NotCompiled(`has no inputs in ${node.name}`);
  if (values.length === 1) return [first];
  // Old models may leave out the axis, which was 1.
  const axis = innerAxis(node, first, intAttribute(node, 'axis', 1));
  const dims = first.dims.with(axis, 0);
  for (const value of values) {
    const fits = value.type === first.type && value.dims.length === dims.length && value.kind === first.kind;
    if (!fits || String(value.dims.with(axis, 0)) !== String(dims))
      throw new NotCompiled(`puts different values together in ${node.name}`);
  }
  const whole = dims.with(
    axis,
    values.reduce((sum, value) => sum + (value.dims[axis] as number), 0),
  );
  const rows = values.filter((value) => value.kind === 'row');
  const constants = values.filter((value) => value.kind === 'const');
  return [
    constants.length > 0
      ? concatConstants(node, constants, whole, axis)
      : concatRows(node, rows, whole, axis),
  ];
};

/** Runs of elements of each value, in the result's order. */
function* runs(values: readonly Value[], whole: readonly number[], axis: number) {
  // Of nothing there may be any number of runs.
  if (sizeOf(whole) === 0) return;
  const outer = sizeOf(whole.slice(0, axis));
  const inner = stridesOf(whole)[axis] as number;
  const parts = values
    .map(({ dims }, index) => ({ index, length: (dims[axis] as number) * inner }))
    .filter(({ length }) => length > 0);
  for (let at = 0; at < outer; at++)
    for (const { index, length } of parts) yield { index, start: at * length, length };
}

function concatConstants(
  { builder }: PlanNode,
  values: readonly ConstValue[],
  whole: readonly number[],
  axis: number,
): ConstValue {
  const type = (values[0] as ConstValue).type;
  return builder.constant(type, whole, () => {
    const all: (number | string)[] = [];
    for (const { index, start, length } of runs(values, whole, axis))
      for (const element of (values[index] as ConstValue).data.slice(start, start + length))
        all.push(element);
    return type === 'BYTES' ? (all as string[]) : Float64Array.from(all as number[]);
  });
}

function concatRows(
  { builder }: PlanNode,
  values: readonly RowValue[],
  whole: readonly number[],
  axis: number,
): RowValue {
  const outer = sizeOf(whole.slice(0, axis));
  const inner = stridesOf(whole)[axis] as number;
  const { type } = values[0] as RowValue;
  const output = builder.row(type, whole, undefined, unionOf(values));
  builder.step(
    {
      op: 'concat',
      outer,
      inputs: values.map(({ register }) => register),
      parts: values.map(({ dims }) => (dims[axis] as number) * inner),
      output: output.register,
    },
    sizeOf(whole),
  );
  const origins: (Origin | undefined)[] = [];
  for (const { index, start, length } of runs(values, whole, axis))
    for (let at = start; at < start + length; at++) origins.push(values[index]?.origins?.[at]);
  return withOrigins(output, origins);
}

/** What is known of integers that are one of these. */
export function unionOf(values: readonly { readonly integers?: Integers }[]): Integers {
  const ranges = values.map(({ integers }) => integers?.range);
  const known = ranges.filter((range) => range !== undefined);
  const least = known.reduce((a, [low]) => Math.min(a, low), Infinity);
  const most = known.reduce((a, [, high]) => Math.max(a, high), -Infinity);
  return {
    ...(known.length === values.length ? { range: [least, most] as const } : {}),
    ...(values.some(({ integers }) => integers?.rounded) ? { rounded: true as const } : {}),
  };
}

export const CONCAT_OPERATORS: readonly (readonly [string, OperatorCompiler])[] = [['Concat', concat]];
