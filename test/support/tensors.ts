import type { Datatype, NamedTensor, Tensor } from '../../src/model/signature.ts';

/** Tensors from and to nested lists, for tests: slow and plain, sharing no code with what it checks. */
export type JsonColumn = readonly JsonColumn[] | number | string | boolean | bigint | null;

const OF_ONNX: Readonly<Record<string, Datatype>> = {
  'tensor(float)': 'FP32',
  'tensor(double)': 'FP64',
  'tensor(int64)': 'INT64',
  'tensor(int32)': 'INT32',
  'tensor(string)': 'BYTES',
  'tensor(bool)': 'BOOL',
};

/** `type` is a datatype, or ONNX's way to say it (`tensor(float)`). null is NaN. */
export function columnTensor(name: string, type: string, values: JsonColumn): NamedTensor {
  const datatype = OF_ONNX[type] ?? (type as Datatype);
  const shape: number[] = [];
  for (let level = values; Array.isArray(level); level = level[0] as JsonColumn) shape.push(level.length);
  const flat = (Array.isArray(values) ? values.flat(Number.POSITIVE_INFINITY) : [values]) as (
    | number
    | string
    | bigint
    | boolean
    | null
  )[];
  return { name, datatype, shape, data: Buffer.concat(flat.map((value) => element(datatype, value))) };
}

/** Flat elements; FP16 as its bits. */
export function elementsOf(tensor: Tensor): (number | bigint | string)[] {
  const data = Buffer.from(tensor.data);
  const found: (number | bigint | string)[] = [];
  if (tensor.datatype === 'BYTES') {
    for (let at = 0; at < data.length; ) {
      const end = at + 4 + data.readUInt32LE(at);
      found.push(data.toString('utf8', at + 4, end));
      at = end;
    }
    return found;
  }
  const [bytes, read] = READ[tensor.datatype];
  for (let at = 0; at < data.length; at += bytes) found.push(read(data, at));
  return found;
}

const READ: Readonly<
  Record<Exclude<Datatype, 'BYTES'>, [number, (data: Buffer, at: number) => number | bigint]>
> = {
  BOOL: [1, (data, at) => data.readUInt8(at)],
  UINT8: [1, (data, at) => data.readUInt8(at)],
  UINT16: [2, (data, at) => data.readUInt16LE(at)],
  UINT32: [4, (data, at) => data.readUInt32LE(at)],
  UINT64: [8, (data, at) => data.readBigUInt64LE(at)],
  INT8: [1, (data, at) => data.readInt8(at)],
  INT16: [2, (data, at) => data.readInt16LE(at)],
  INT32: [4, (data, at) => data.readInt32LE(at)],
  INT64: [8, (data, at) => data.readBigInt64LE(at)],
  FP16: [2, (data, at) => data.readUInt16LE(at)],
  FP32: [4, (data, at) => data.readFloatLE(at)],
  FP64: [8, (data, at) => data.readDoubleLE(at)],
};

function element(datatype: Datatype, value: number | string | bigint | boolean | null): Buffer {
  if (datatype === 'BYTES') {
    const text = Buffer.from(String(value));
    const length = Buffer.alloc(4);
    length.writeUInt32LE(text.length);
    return Buffer.concat([length, text]);
  }
  const bytes = Buffer.alloc(READ[datatype][0]);
  if (datatype === 'INT64') bytes.writeBigInt64LE(BigInt(value as number));
  else if (datatype === 'UINT64') bytes.writeBigUInt64LE(BigInt(value as number));
  else if (datatype === 'FP32') bytes.writeFloatLE(value === null ? Number.NaN : (value as number));
  else if (datatype === 'FP64') bytes.writeDoubleLE(value === null ? Number.NaN : (value as number));
  else if (datatype.startsWith('INT')) bytes.writeIntLE(value as number, 0, bytes.length);
  else bytes.writeUIntLE(Number(value), 0, bytes.length);
  return bytes;
}
