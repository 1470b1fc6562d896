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

/** A value with one row a row of the inputs: its shape is [rows, ...dims]. */
export interface RowValue {
  readonly kind: 'row';
  readonly type: PlanType;
  readonly dims: readonly number[];
  readonly register: number;
  /** One an element of a row; absent: all were computed. */
  readonly origins?: readonly (Origin | undefined)[];
}

/** A value that is the same whatever the inputs. FP32 numbers are exact floats; INT64 only safe integers. */
export interface ConstValue {
  readonly kind: 'const';
  readonly type: PlanType;
  readonly dims: readonly number[];
  readonly data: Float64Array | readonly string[];
}

/**
 * One element a row, but its shape is [1, rows]: what ArrayFeatureExtractor makes of an index a row. Identity and Cast
 * keep it so; Reshape to [-1] or [-1, 1] makes it a row value of the same register.
 */
export interface AcrossValue {
  readonly kind: 'across';
  readonly type: PlanType;
  readonly register: number;
}

export type Value = RowValue | ConstValue | AcrossValue;

export function sizeOf(dims: readonly number[]): number {
  return dims.reduce((product, dim) => product * dim, 1);
}

export function rowValue(value: Value, what: string): RowValue {
  if (value.kind === 'row') return value;
  throw new NotCompiled(`computes ${what} of ${value.kind === 'const' ? 'a constant' : 'rows laid across'}`);
}

export function numbersOf(value: Value, what: string): Float64Array {
  if (value.kind === 'const' && value.data instanceof Float64Array) return value.data;
  throw new NotCompiled(`takes ${what} that is not a constant of numbers`);
}
