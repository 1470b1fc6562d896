import { ELEMENT_TYPES, elementTypeName } from '../onnx/data-types.ts';
import type { TensorProto } from '../onnx/onnx_pb.ts';
import { NotCompiled } from './not-compiled.ts';
import { decodeText } from './texts.ts';
import { type ConstValue, planType, sizeOf } from './values.ts';

/** Elements that a constant's dimensions may stand for, those of size 0 left aside. */
const MAX_CONSTANT_ELEMENTS = 2 ** 31;

/** A constant of no elements may be of any size otherwise: what goes through it axis by axis would not end. */
export function checkConstantDims(dims: readonly number[]): void {
  const elements = sizeOf(dims.filter((dim) => dim !== 0));
  if (!(elements <= MAX_CONSTANT_ELEMENTS))
    throw new NotCompiled(`has a constant of shape [${dims.slice(0, 8).join()}]`);
}

/** A tensor of the file as a constant. Checked before by prepareArtifact. */
export function constantOf(tensor: TensorProto): ConstValue {
  const what = `constant ${JSON.stringify(tensor.name.slice(0, 80))}`;
  const found = ELEMENT_TYPES.get(tensor.dataType);
  const type = planType(found?.datatype, `${what} of ${elementTypeName(tensor.dataType)}`);
  const dims = tensor.dims.map(Number);
  checkConstantDims(dims);
  if (type === 'BYTES')
    return { kind: 'const', type, dims, data: tensor.stringData.map((bytes) => decodeText(bytes, what)) };
  const data = tensor.rawData.byteLength > 0 ? rawNumbers(tensor, type) : typedNumbers(tensor, type);
  return { kind: 'const', type, dims, data };
}

function rawNumbers({ rawData }: TensorProto, type: Exclude<ConstValue['type'], 'BYTES'>): Float64Array {
  // A copy: raw data lie anywhere in the file, and typed arrays want theirs aligned.
  const { buffer } = Uint8Array.from(rawData);
  if (type === 'FP32') return Float64Array.from(new Float32Array(buffer));
  if (type === 'FP64') return new Float64Array(buffer);
  if (type === 'INT64') return Float64Array.from(new BigInt64Array(buffer), Number);
  if (type === 'INT32') return Float64Array.from(new Int32Array(buffer));
  return Float64Array.from(rawData);
}

function typedNumbers(tensor: TensorProto, type: Exclude<ConstValue['type'], 'BYTES'>): Float64Array {
  if (type === 'FP32') return Float64Array.from(tensor.floatData, Math.fround);
  if (type === 'FP64') return Float64Array.from(tensor.doubleData);
  if (type === 'INT64') return Float64Array.from(tensor.int64Data, Number);
  return Float64Array.from(tensor.int32Data);
}
