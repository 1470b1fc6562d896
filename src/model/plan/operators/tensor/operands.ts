import type { PlanNode } from '../../node.ts';
import { broadcastDims, broadcastMap } from '../../shapes.ts';
import type { Operand, Spread } from '../../tensor-steps.ts';
import { kindOf, numbersOf, type PlanType, sizeOf, type Value } from '../../values.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { reshaped } from './moves.ts';

/** A constant's numbers as a section of what its type is computed in. */
export function sectionOf(node: PlanNode, value: Value): number {
  const numbers = numbersOf(value, `an input of ${node.name}`);
  return node.builder.constantSection(numbers, kindOf(value.type) === 'f32' ? 'f32' : 'f64');
}

export function operandOf(node: PlanNode, value: Value): Operand {
  if (value.type === 'BYTES') throw new NotCompiled(`computes with texts in ${node.name}`);
  if (value.kind === 'row') return { register: value.register };
  return { section: sectionOf(node, value), numbers: kindOf(value.type) === 'f32' ? 'f32' : 'f64' };
}

export function spreadOf(node: PlanNode, value: Value, dims: readonly number[]): Spread {
  const operand = operandOf(node, value);
  return sizeOf(value.dims) === sizeOf(dims) ? operand : { ...operand, dims: value.dims };
}

/** Values against each other: constants lose the axis of the rows, in which they must be one. */
export function aligned(node: PlanNode, values: readonly Value[]): { values: Value[]; dims: number[] } {
  const rows = values.filter((value) => value.kind === 'row');
  const rank = rows[0]?.dims.length;
  const trimmed = values.map((value): Value => {
    if (rank === undefined || (value.kind === 'row' && value.dims.length === rank)) return value;
    const isOne = value.dims.length <= rank || (value.dims.length === rank + 1 && value.dims[0] === 1);
    if (value.kind === 'row' || !isOne) throw new NotCompiled(`works across rows in ${node.name}`);
    return value.dims.length <= rank ? value : reshaped(value, value.dims.slice(1));
  });
  const dims = trimmed.map((value) => value.dims as number[]).reduce((a, b) => broadcastDims(a, b));
  return { values: trimmed, dims };
}

/** One constant element of the result's type for each of a broadcast value's. */
export function spreadNumbers(node: PlanNode, value: Value, dims: readonly number[]): Float64Array {
  const numbers = numbersOf(value, `an input of ${node.name}`);
  const map = broadcastMap(value.dims, dims);
  return map === undefined ? numbers : Float64Array.from(map, (place) => numbers[place] as number);
}

export function sameType(node: PlanNode, values: readonly Value[]): PlanType {
  const [first] = values;
  if (first === undefined || !values.every(({ type }) => type === first.type))
    throw new NotCompiled(`mixes types in ${node.name}`);
  return first.type;
}
