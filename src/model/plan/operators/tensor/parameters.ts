import { inputOf, type PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { numbersOf, type Value } from '../../values.ts';

/** An input whose rows, if it has any, are its first axis. */
export function laidInput(node: PlanNode, index: number): Value {
  const value = inputOf(node, index);
  if (value.kind === 'row' && value.across) throw new NotCompiled(`takes rows laid across in ${node.name}`);
  return value;
}

/** An input's axes that are not its rows. A constant has no rows. */
export function rankOf(value: Value): number {
  return value.dims.length + rowAxes(value);
}

export function rowAxes(value: Value): 0 | 1 {
  return value.kind === 'row' ? 1 : 0;
}

/** An axis as it is written, counted in the value's `dims`. */
export function innerAxis(node: PlanNode, value: Value, axis: number, rank = rankOf(value)): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!(positive >= 0 && positive < rank))
    throw new NotCompiled(`names axis ${axis} of ${rank} in ${node.name}`);
  if (positive < rowAxes(value)) throw new NotCompiled(`works across rows in ${node.name}`);
  return positive - rowAxes(value);
}

export function intAttribute(node: PlanNode, name: string, otherwise: number): number {
  return Number(node.attribute(name)?.i ?? BigInt(otherwise));
}

export function floatAttribute(node: PlanNode, name: string, otherwise: number): number {
  return node.attribute(name)?.f ?? Math.fround(otherwise);
}

/** Integers that older versions have as an attribute and newer ones as an input. Undefined: left out. */
export function intsParameter(node: PlanNode, name: string, index: number): number[] | undefined {
  const input = node.inputs[index];
  if (input !== undefined) return Array.from(numbersOf(input, `${name} of ${node.name}`));
  return node.attribute(name)?.ints.map(Number);
}

/** A constant input that holds a shape, in which NaN stands for the number of rows. */
export function shapeParameter(node: PlanNode, index: number): number[] {
  const input = node.inputs[index];
  if (input?.kind !== 'const' || !(input.data instanceof Float64Array) || input.type !== 'INT64')
    throw new NotCompiled(`takes a shape that is not constant in ${node.name}`);
  return Array.from(input.data);
}
