import { ELEMENT_TYPES, elementTypeName } from '../onnx/data-types.ts';
import type { TensorProto } from '../onnx/onnx_pb.ts';
import { NotCompiled } from './not-compiled.ts';
import { type ConstValue, planType } from './values.ts';

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** A tensor of the file as a constant. Checked before by prepareArtifact. */
export function constantOf(tensor: TensorProto): ConstValue {
  const what = `constant ${JSON.stringify(tensor.name.slice(0, 80))}`;
  const found = ELEMENT_TYPES.get(tensor.dataType);
  const type = planType(found?.datatype, `${what} of ${elementTypeName(tensor.dataType)}`);
  const dims = tensor.dims.map(Number);
  if (type === 'BYTES')
    return { kind: 'const', type, dims, data: tensor.stringData.map((bytes) => text(bytes)) };
  const data = tensor.rawData.byteLength > 0 ? rawNumbers(tensor, type) : typedNumbers(tensor, type);
  return { kind: 'const', type, dims, data };
}

function text(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new NotCompiled('holds a text that is not UTF-8');
  }
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
