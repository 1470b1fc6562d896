import type { Datatype } from '../signature.ts';
import { NotCompiled } from './not-compiled.ts';
import type { RegisterKind } from './structure.ts';

/** The element types that plans work with. */
export type PlanType = 'FP32' | 'FP64' | 'INT64' | 'INT32' | 'BOOL' | 'BYTES';

const KINDS: Readonly<Record<PlanType, RegisterKind>> = {
  FP32: 'f32',
  FP64: 'f64',
  INT64: 'int',
  INT32: 'int',
  BOOL: 'int',
  BYTES: 'text',
};

export function kindOf(type: PlanType): RegisterKind {
  return KINDS[type];
}

export function planType(datatype: Datatype | undefined, what: string): PlanType {
  if (datatype !== undefined && datatype in KINDS) return datatype as PlanType;
  throw new NotCompiled(`holds ${datatype ?? 'an unknown type'} (${what})`);
}

/** Where an element of a row comes from, unchanged: a column of an input. Undefined: it was computed. */
export interface Origin {
  readonly input: number;
  readonly column: number;
}

/** What is known of integers. */
export interface Integers {
  /** Where all of them lie. */
  readonly range?: readonly [least: number, most: number];
  /** They come from an INT64 input: those beyond 2^53 have been rounded. */
  readonly rounded?: true;
}

/** A value with one row a row of the inputs: its shape is [rows, ...dims]. */
export interface RowValue {
  readonly kind: 'row';
  readonly type: PlanType;
  readonly dims: readonly number[];
  readonly register: number;
  /** One an element of a row; absent: all were computed. */
  readonly origins?: readonly (Origin | undefined)[];
  /**
   * One element a row, but its shape is [1, rows]: what ArrayFeatureExtractor makes of an index a row. Only Reshape
   * to [-1] turns it back into rows; operators that go on with a row's elements may, others must not take it.
   */
  readonly across?: true;
  /** Goes with copies of elements. */
  readonly integers?: Integers;
}

/**
 * A value that is the same whatever the inputs. FP32 numbers are exact floats. Shapes may hold NaN, which stands for the
 * number of rows, and integers beyond 2^53; numbersOf gives neither away.
 */
export interface ConstValue {
  readonly kind: 'const';
  readonly type: PlanType;
  readonly dims: readonly number[];
  readonly data: Float64Array | readonly string[];
}

export type Value = RowValue | ConstValue;

export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

export function rowValue(value: Value, what: string): RowValue {
  if (value.kind !== 'row') throw new NotCompiled(`computes ${what} of a constant`);
  if (value.across === true) throw new NotCompiled(`computes ${what} of rows laid across`);
  return value;
}

export function numbersOf(value: Value, what: string): Float64Array {
  if (value.kind !== 'const' || !(value.data instanceof Float64Array))
    throw new NotCompiled(`takes ${what} that is not a constant of numbers`);
  if (value.type === 'INT64' && !value.data.every((number) => Number.isSafeInteger(number)))
    throw new NotCompiled(`takes ${what} of integers beyond 2^53, or of the number of rows`);
  return value.data;
}
