import { Tensor as OrtTensor } from 'onnxruntime-node';
import { ShoalError } from '../core/errors.ts';
import { elementBytes } from '../model/elements.ts';
import { type Datatype, ELEMENT_BYTES, elementCount, type NamedTensor } from '../model/signature.ts';
import { decodeStrings } from './string-elements.ts';

/** Our tensors (raw little-endian bytes) to ONNX Runtime's (typed arrays) and back, without copying where aligned. */
interface NumericKind {
  readonly type: Exclude<OrtTensor.Type, 'string'>;
  readonly array: new (buffer: ArrayBufferLike, byteOffset: number, length: number) => ArrayBufferView;
}

const NUMERIC: Readonly<Record<Exclude<Datatype, 'BYTES'>, NumericKind>> = {
  BOOL: { type: 'bool', array: Uint8Array },
  UINT8: { type: 'uint8', array: Uint8Array },
  UINT16: { type: 'uint16', array: Uint16Array },
  UINT32: { type: 'uint32', array: Uint32Array },
  UINT64: { type: 'uint64', array: BigUint64Array },
  INT8: { type: 'int8', array: Int8Array },
  INT16: { type: 'int16', array: Int16Array },
  INT32: { type: 'int32', array: Int32Array },
  INT64: { type: 'int64', array: BigInt64Array },
  FP16: { type: 'float16', array: Uint16Array },
  FP32: { type: 'float32', array: Float32Array },
  FP64: { type: 'float64', array: Float64Array },
};

const DATATYPE_OF: ReadonlyMap<string, Datatype> = new Map([
  ...Object.entries(NUMERIC).map(([datatype, kind]) => [kind.type, datatype as Datatype] as const),
  ['string', 'BYTES'],
]);

/** Throws INVALID_INPUT when data and shape don't agree. */
export function toOrtTensor(tensor: NamedTensor): OrtTensor {
  const count = elementCount(tensor.shape) ?? Infinity;
  if (tensor.datatype === 'BYTES') {
    return new OrtTensor('string', decodeStrings(tensor.name, tensor.data, count), tensor.shape);
  }
  const width = ELEMENT_BYTES[tensor.datatype];
  const { data } = tensor;
  if (count * width !== data.byteLength) {
    throw new ShoalError(
      'INVALID_INPUT',
      `${tensor.name}: shape [${tensor.shape.join(',')}] of ${tensor.datatype} takes ${count * width} bytes, got ${data.byteLength}`,
    );
  }
  const kind = NUMERIC[tensor.datatype];
  const aligned = data.byteOffset % width === 0 ? data : data.slice();
  const view = new kind.array(aligned.buffer, aligned.byteOffset, count);
  const made = new OrtTensor(kind.type, view as OrtTensor.DataType, tensor.shape);
  // On a Node that has Float16Array, Tensor turns Uint16Array into one, which onnxruntime-node 1.30 then reads
  // as empty ("not enough space"): the native side looks at `data`, so that gets the bits as they are.
  if (kind.type === 'float16') Object.defineProperty(made, 'data', { value: view });
  return made;
}

/** Throws UNSUPPORTED_ARTIFACT for a type that no datatype carries (preparation refuses those beforehand). */
export function fromOrtTensor(name: string, value: OrtTensor): NamedTensor {
  const datatype = DATATYPE_OF.get(value.type);
  if (datatype === undefined)
    throw new ShoalError(
      'UNSUPPORTED_ARTIFACT',
      `output ${name} has type ${value.type}, which no datatype carries`,
    );
  const data =
    datatype === 'BYTES' ? elementBytes(value.data) : bytesOf(value.data as unknown as ArrayBufferView);
  return { name, datatype, shape: value.dims, data };
}

function bytesOf(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
