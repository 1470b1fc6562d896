/**
 * What goes into a model and what comes out. Shapes are integers, -1 where a dimension is free.
 * Datatypes are the Open Inference Protocol's, those that ONNX Runtime can carry.
 */
export const DATATYPES = [
  'BOOL',
  'UINT8',
  'UINT16',
  'UINT32',
  'UINT64',
  'INT8',
  'INT16',
  'INT32',
  'INT64',
  'FP16',
  'FP32',
  'FP64',
  'BYTES',
] as const;
export type Datatype = (typeof DATATYPES)[number];

/** Bytes of one element; BYTES varies (0 here) and travels as 4-byte little-endian length and bytes. */
export const ELEMENT_BYTES: Readonly<Record<Datatype, number>> = {
  BOOL: 1,
  UINT8: 1,
  UINT16: 2,
  UINT32: 4,
  UINT64: 8,
  INT8: 1,
  INT16: 2,
  INT32: 4,
  INT64: 8,
  FP16: 2,
  FP32: 4,
  FP64: 8,
  BYTES: 0,
};

export interface TensorSpec {
  readonly name: string;
  readonly datatype: Datatype;
  /** -1: a free dimension. [] is a scalar. */
  readonly shape: readonly number[];
}

export interface OutputSpec extends TensorSpec {
  /** Where this output holds one number a class (ZipMap, or a classifier's scores): the classes, in column order. */
  readonly classLabels?: readonly (string | number)[];
  /** The output was a ZipMap (a map a row) in the artifact as registered. */
  readonly zipMap?: true;
}

export interface Signature {
  readonly inputs: readonly TensorSpec[];
  readonly outputs: readonly OutputSpec[];
}

/** A tensor as it travels: raw little-endian bytes, row-major. BOOL is one byte, 0 or 1. */
export interface Tensor {
  readonly datatype: Datatype;
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

export interface NamedTensor extends Tensor {
  readonly name: string;
}

/** Product of the dimensions; undefined when it isn't an exact integer. */
export function elementCount(shape: readonly number[]): number | undefined {
  if (shape.includes(0)) return 0;
  let count = 1;
  for (const dimension of shape) {
    count *= dimension;
    if (!Number.isSafeInteger(count)) return undefined;
  }
  return count;
}
