import type { PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { type Integers, numbersOf, type Value } from '../../values.ts';

/**
 * Registers hold integers as doubles, which are exact up to 2^53. INT64 is computed with only where the result can't
 * leave that; INT32 wraps round.
 */
export type Range = readonly [least: number, most: number];

const INT32: Range = [-(2 ** 31), 2 ** 31 - 1];

export function rangeOf(node: PlanNode, value: Value): Range {
  if (value.kind === 'const') {
    const numbers = numbersOf(value, `an input of ${node.name}`);
    return [numbers.reduce((a, b) => Math.min(a, b), 0), numbers.reduce((a, b) => Math.max(a, b), 0)];
  }
  if (value.type === 'BOOL') return [0, 1];
  if (value.integers?.range !== undefined) return value.integers.range;
  if (value.type === 'INT32') return INT32;
  throw new NotCompiled(`computes with INT64 of any size in ${node.name}`);
}

/** A range that INT64 results stay exact in. */
export function safe(node: PlanNode, range: Range): Integers {
  if (!range.every((end) => Number.isSafeInteger(end)))
    throw new NotCompiled(`may compute INT64 beyond 2^53 in ${node.name}`);
  return { range };
}

/** Throws for integers of which those beyond 2^53 are no longer what they were. */
export function demandExact(node: PlanNode, value: Value): void {
  if (value.kind === 'row' && value.integers?.rounded)
    throw new NotCompiled(`computes with INT64 of any size in ${node.name}`);
}

/** Of the four results at the corners of two ranges. */
export function corners(a: Range, b: Range, f: (a: number, b: number) => number): Range {
  const ends = a.flatMap((x) => b.map((y) => f(x, y)));
  return [Math.min(...ends), Math.max(...ends)];
}
