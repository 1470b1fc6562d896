import * as ort from 'onnxruntime-node';
import { newElements, elementBytes, layElements } from '../../src/model/elements.ts';
import type { Datatype, NamedTensor } from '../../src/model/signature.ts';
import { decodeBytes } from '../../src/model/tensor-json.ts';

/** Runs a prepared model in this thread, as plainly as can be: for tests of what was prepared. */
const ORT_TYPES = {
  BOOL: 'bool',
  UINT8: 'uint8',
  UINT16: 'uint16',
  UINT32: 'uint32',
  UINT64: 'uint64',
  INT8: 'int8',
  INT16: 'int16',
  INT32: 'int32',
  INT64: 'int64',
  FP16: 'float16',
  FP32: 'float32',
  FP64: 'float64',
  BYTES: 'string',
} as const satisfies Record<Datatype, ort.Tensor.Type>;

export async function openSession(bytes: Uint8Array): Promise<ort.InferenceSession> {
  return ort.InferenceSession.create(bytes, {
    intraOpNumThreads: 1,
    interOpNumThreads: 1,
    logSeverityLevel: 3,
  });
}

export async function runTensors(
  session: ort.InferenceSession,
  tensors: readonly NamedTensor[],
): Promise<NamedTensor[]> {
  const feeds = Object.fromEntries(tensors.map((tensor) => [tensor.name, toOrt(tensor)]));
  const results = await session.run(feeds);
  return session.outputNames.map((name) => fromOrt(name, results[name] as ort.Tensor));
}

function toOrt(tensor: NamedTensor): ort.Tensor {
  const { datatype, shape } = tensor;
  if (datatype === 'BYTES') return new ort.Tensor('string', decodeBytes(tensor, tensor.name), shape);
  const elements = layElements(tensor);
  const data =
    datatype === 'FP16' ? new Uint16Array(elements.buffer, elements.byteOffset, elements.length) : elements;
  return new ort.Tensor(ORT_TYPES[datatype], data as Float32Array, shape);
}

function fromOrt(name: string, tensor: ort.Tensor): NamedTensor {
  const datatype = (Object.keys(ORT_TYPES) as Datatype[]).find((key) => ORT_TYPES[key] === tensor.type);
  if (datatype === undefined) throw new TypeError(`output ${name} is ${tensor.type}`);
  if (datatype !== 'BYTES') {
    const { buffer, byteOffset, byteLength } = tensor.data as Float32Array;
    return { name, datatype, shape: tensor.dims, data: new Uint8Array(buffer, byteOffset, byteLength) };
  }
  const texts = newElements('BYTES', tensor.size) as string[];
  (tensor.data as string[]).forEach((text, index) => {
    texts[index] = text;
  });
  return { name, datatype, shape: tensor.dims, data: elementBytes(texts) };
}
