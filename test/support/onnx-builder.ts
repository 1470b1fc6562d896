import { create, toBinary } from '@bufbuild/protobuf';
import type { MessageInitShape } from '@bufbuild/protobuf';
import {
  type AttributeProto,
  AttributeProtoSchema,
  type FunctionProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from '../../src/model/onnx/onnx_pb.ts';

/** ONNX files for tests, in a few words. Element types by their ONNX number (1 float, 7 int64, 8 string, ...). */
export const ELEMENT = {
  float: 1,
  uint8: 2,
  int8: 3,
  uint16: 4,
  int16: 5,
  int32: 6,
  int64: 7,
  string: 8,
  bool: 9,
  float16: 10,
  double: 11,
  uint32: 12,
  uint64: 13,
  complex64: 14,
  bfloat16: 16,
  int4: 22,
} as const;

export type NodeInit = MessageInitShape<typeof NodeProtoSchema>;
export type GraphInit = MessageInitShape<typeof GraphProtoSchema>;
export type TensorInit = MessageInitShape<typeof TensorProtoSchema>;
export type ValueInit = MessageInitShape<typeof ValueInfoProtoSchema>;
export type FunctionInit = MessageInitShape<typeof FunctionProtoSchema>;
type AttributeValue =
  | bigint
  | number
  | string
  | readonly bigint[]
  | readonly number[]
  | readonly string[]
  | { tensor: TensorInit }
  | { graph: GraphInit };

/** bigint: int; number: float; string: string; lists likewise; `{tensor}` and `{graph}`. */
export function attribute(name: string, value: AttributeValue): AttributeProto {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  if (typeof value === 'bigint') return create(AttributeProtoSchema, { name, i: value, type: 2 });
  if (typeof value === 'number') return create(AttributeProtoSchema, { name, f: value, type: 1 });
  if (typeof value === 'string') return create(AttributeProtoSchema, { name, s: bytes(value), type: 3 });
  if ('tensor' in value) return create(AttributeProtoSchema, { name, t: value.tensor, type: 4 });
  if ('graph' in value) return create(AttributeProtoSchema, { name, g: value.graph, type: 5 });
  if (typeof value[0] === 'bigint')
    return create(AttributeProtoSchema, { name, ints: value as bigint[], type: 7 });
  if (typeof value[0] === 'string')
    return create(AttributeProtoSchema, { name, strings: (value as string[]).map(bytes), type: 8 });
  return create(AttributeProtoSchema, { name, floats: value as number[], type: 6 });
}

export function node(
  opType: string,
  input: readonly string[],
  output: readonly string[],
  attributes: Readonly<Record<string, AttributeValue>> = {},
  domain?: string,
): NodeInit {
  return {
    opType,
    input: [...input],
    output: [...output],
    attribute: Object.entries(attributes).map(([name, value]) => attribute(name, value)),
    ...(domain === undefined ? {} : { domain }),
  };
}

/** A number is a fixed dimension, a word a symbol, null nothing at all; no shape at all when left out. */
export function value(
  name: string,
  elemType: number,
  shape?: readonly (number | string | null)[],
): ValueInit {
  const dim = (shape ?? []).map((size) => {
    if (size === null) return {};
    return typeof size === 'number'
      ? { value: { case: 'dimValue' as const, value: BigInt(size) } }
      : { value: { case: 'dimParam' as const, value: size } };
  });
  const tensor = shape === undefined ? { elemType } : { elemType, shape: { dim } };
  return { name, type: { value: { case: 'tensorType', value: tensor } } };
}

/** seq(map(key, float)), as ZipMap declares its output. */
export function mapSequence(name: string, keyType: number): ValueInit {
  const map = { keyType, valueType: { value: { case: 'tensorType' as const, value: { elemType: 1 } } } };
  return {
    name,
    type: {
      value: {
        case: 'sequenceType',
        value: { elemType: { value: { case: 'mapType' as const, value: map } } },
      },
    },
  };
}

export function floats(name: string, dims: readonly number[], data: readonly number[]): TensorInit {
  return { name, dims: dims.map(BigInt), dataType: ELEMENT.float, floatData: [...data] };
}

export function int64s(name: string, dims: readonly number[], data: readonly bigint[]): TensorInit {
  return { name, dims: dims.map(BigInt), dataType: ELEMENT.int64, int64Data: [...data] };
}

export interface ModelOptions {
  readonly opsets?: readonly (readonly [domain: string, version: number])[];
  readonly irVersion?: number;
  readonly functions?: readonly FunctionInit[];
}

export function model(graph: GraphInit, options: ModelOptions = {}): Uint8Array {
  const opsets = options.opsets ?? [
    ['', 17],
    ['ai.onnx.ml', 3],
  ];
  return toBinary(
    ModelProtoSchema,
    create(ModelProtoSchema, {
      irVersion: BigInt(options.irVersion ?? 8),
      opsetImport: opsets.map(([domain, version]) => ({ domain, version: BigInt(version) })),
      graph: create(GraphProtoSchema, { name: 'graph', ...graph }),
      functions: [...(options.functions ?? [])],
    }),
  );
}
