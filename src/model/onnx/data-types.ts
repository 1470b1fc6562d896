import type { Datatype } from '../signature.ts';

/** Element types of the ONNX format: number, name, bits of one element, and the datatype that carries it. */
interface ElementType {
  readonly name: string;
  /** 0: strings. */
  readonly bits: number;
  readonly datatype?: Datatype;
  /** The typed field that holds values when raw_data doesn't, and how many of its entries hold how many elements. */
  readonly field: 'floatData' | 'int32Data' | 'int64Data' | 'doubleData' | 'uint64Data' | 'stringData';
  readonly entriesPerElement?: number;
}

export const STRING = 8;

export const ELEMENT_TYPES: ReadonlyMap<number, ElementType> = new Map<number, ElementType>([
  [1, { name: 'float', bits: 32, datatype: 'FP32', field: 'floatData' }],
  [2, { name: 'uint8', bits: 8, datatype: 'UINT8', field: 'int32Data' }],
  [3, { name: 'int8', bits: 8, datatype: 'INT8', field: 'int32Data' }],
  [4, { name: 'uint16', bits: 16, datatype: 'UINT16', field: 'int32Data' }],
  [5, { name: 'int16', bits: 16, datatype: 'INT16', field: 'int32Data' }],
  [6, { name: 'int32', bits: 32, datatype: 'INT32', field: 'int32Data' }],
  [7, { name: 'int64', bits: 64, datatype: 'INT64', field: 'int64Data' }],
  [STRING, { name: 'string', bits: 0, datatype: 'BYTES', field: 'stringData' }],
  [9, { name: 'bool', bits: 8, datatype: 'BOOL', field: 'int32Data' }],
  [10, { name: 'float16', bits: 16, datatype: 'FP16', field: 'int32Data' }],
  [11, { name: 'double', bits: 64, datatype: 'FP64', field: 'doubleData' }],
  [12, { name: 'uint32', bits: 32, datatype: 'UINT32', field: 'uint64Data' }],
  [13, { name: 'uint64', bits: 64, datatype: 'UINT64', field: 'uint64Data' }],
  [14, { name: 'complex64', bits: 64, field: 'floatData', entriesPerElement: 2 }],
  [15, { name: 'complex128', bits: 128, field: 'doubleData', entriesPerElement: 2 }],
  [16, { name: 'bfloat16', bits: 16, field: 'int32Data' }],
  [17, { name: 'float8e4m3fn', bits: 8, field: 'int32Data' }],
  [18, { name: 'float8e4m3fnuz', bits: 8, field: 'int32Data' }],
  [19, { name: 'float8e5m2', bits: 8, field: 'int32Data' }],
  [20, { name: 'float8e5m2fnuz', bits: 8, field: 'int32Data' }],
  [21, { name: 'uint4', bits: 4, field: 'int32Data', entriesPerElement: 0.5 }],
  [22, { name: 'int4', bits: 4, field: 'int32Data', entriesPerElement: 0.5 }],
  [23, { name: 'float4e2m1', bits: 4, field: 'int32Data', entriesPerElement: 0.5 }],
  [24, { name: 'float8e8m0', bits: 8, field: 'int32Data' }],
  [25, { name: 'uint2', bits: 2, field: 'int32Data', entriesPerElement: 0.25 }],
  [26, { name: 'int2', bits: 2, field: 'int32Data', entriesPerElement: 0.25 }],
]);

export function elementTypeName(elementType: number): string {
  return ELEMENT_TYPES.get(elementType)?.name ?? `element type ${elementType}`;
}
