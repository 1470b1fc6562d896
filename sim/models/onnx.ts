import { create, type MessageInitShape, toBinary } from '@bufbuild/protobuf';
import {
  type AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  type NodeProtoSchema,
  type TensorProtoSchema,
  type ValueInfoProtoSchema,
} from '../../src/model/onnx/onnx_pb.ts';

/** ONNX files in the shape that converters give them. */
export type NodeInit = MessageInitShape<typeof NodeProtoSchema>;
export type TensorInit = MessageInitShape<typeof TensorProtoSchema>;
export type ValueInit = MessageInitShape<typeof ValueInfoProtoSchema>;
type AttributeInit = MessageInitShape<typeof AttributeProtoSchema>;

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

export const attribute = {
  int: (name: string, value: number): AttributeInit => ({ name, i: BigInt(value), type: 2 }),
  text: (name: string, value: string): AttributeInit => ({ name, s: utf8(value), type: 3 }),
  /** Zeros, to be filled in the encoded bytes. */
  floats: (name: string, count: number): AttributeInit => ({
    name,
    floats: Array.from<number>({ length: count }).fill(0),
    type: 6,
  }),
  ints: (name: string, values: readonly number[]): AttributeInit => ({
    name,
    ints: values.map(BigInt),
    type: 7,
  }),
  texts: (name: string, values: readonly string[]): AttributeInit => ({
    name,
    strings: values.map(utf8),
    type: 8,
  }),
};

export function node(
  opType: string,
  inputs: readonly string[],
  outputs: readonly string[],
  attributes: readonly AttributeInit[] = [],
  domain?: 'ai.onnx.ml',
): NodeInit {
  return {
    opType,
    name: outputs[0] ?? opType,
    input: [...inputs],
    output: [...outputs],
    attribute: [...attributes],
    ...(domain === undefined ? {} : { domain }),
  };
}

/** null is a free dimension. */
export function tensorValue(name: string, elemType: number, shape: readonly (number | null)[]): ValueInit {
  const dim = shape.map((size) =>
    size === null ? {} : { value: { case: 'dimValue' as const, value: BigInt(size) } },
  );
  return { name, type: { value: { case: 'tensorType', value: { elemType, shape: { dim } } } } };
}

/** What ZipMap declares: a sequence of maps from a label to a float. */
export function mapsValue(name: string, keyType: number): ValueInit {
  const valueType = { value: { case: 'tensorType' as const, value: { elemType: ELEMENT.float } } };
  const map = { case: 'mapType' as const, value: { keyType, valueType } };
  return { name, type: { value: { case: 'sequenceType', value: { elemType: { value: map } } } } };
}

export const ELEMENT = { float: 1, int64: 7, string: 8 } as const;

/** Zeros, to be filled in the encoded bytes. */
export function weights(name: string, dims: readonly number[]): TensorInit {
  const count = dims.reduce((product, size) => product * size, 1);
  return { name, dims: dims.map(BigInt), dataType: ELEMENT.float, rawData: new Uint8Array(count * 4) };
}

export interface GraphParts {
  readonly nodes: readonly NodeInit[];
  readonly inputs: readonly ValueInit[];
  readonly outputs: readonly ValueInit[];
  readonly initializers?: readonly TensorInit[];
}

export function encodeModel(
  producerName: string,
  opsets: readonly (readonly [domain: string, version: number])[],
  graph: GraphParts,
): Buffer {
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    producerName,
    opsetImport: opsets.map(([domain, version]) => ({ domain, version: BigInt(version) })),
    graph: create(GraphProtoSchema, {
      name: 'graph',
      node: [...graph.nodes],
      input: [...graph.inputs],
      output: [...graph.outputs],
      initializer: [...(graph.initializers ?? [])],
    }),
  });
  const bytes = toBinary(ModelProtoSchema, model);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
