import { quote } from '../../core/ids.ts';
import { ELEMENT_TYPES, elementTypeName, STRING } from './data-types.ts';
import { invalid, unsupported } from './faults.ts';
import type { SparseTensorProto, TensorProto } from './onnx_pb.ts';

/** What a sparse tensor may grow to: ONNX Runtime makes it dense while loading. */
const MAX_DENSE_BYTES = 512 * 1024 * 1024;
const EXTERNAL = 1;

const VALUE_FIELDS = [
  'floatData',
  'int32Data',
  'stringData',
  'int64Data',
  'doubleData',
  'uint64Data',
] as const;

/** That a tensor holds exactly what its dimensions and element type declare, in this file. */
export function checkTensor(tensor: TensorProto, what: string): void {
  if (tensor.dataLocation === EXTERNAL || tensor.externalData.length > 0) {
    throw unsupported(`${what} is kept in another file (external data); save the model as one file`);
  }
  if (tensor.segment !== undefined) throw unsupported(`${what} is stored in segments`);
  const type = ELEMENT_TYPES.get(tensor.dataType);
  if (type === undefined) throw unsupported(`${what} has unknown element type ${tensor.dataType}`);
  const count = declaredCount(tensor.dims, what);
  const filled = VALUE_FIELDS.filter((field) => tensor[field].length > 0);
  if (tensor.rawData.byteLength > 0) {
    if (tensor.dataType === STRING) throw invalid(`${what} holds strings as raw data`);
    const wanted = (count * BigInt(type.bits) + 7n) / 8n;
    expectSize(BigInt(tensor.rawData.byteLength), wanted, 'bytes', tensor, what);
    if (filled.length > 0) throw invalid(`${what} holds its values twice, as raw data and typed`);
    return;
  }
  const stray = filled.find((field) => field !== type.field);
  if (stray !== undefined) throw invalid(`${what} of ${type.name} holds values of another type`);
  const entries = BigInt((type.entriesPerElement ?? 1) * 4);
  expectSize(BigInt(tensor[type.field].length), (count * entries + 3n) / 4n, 'values', tensor, what);
}

function expectSize(present: bigint, wanted: bigint, unit: string, tensor: TensorProto, what: string): void {
  if (present === wanted) return;
  const shape = tensor.dims.slice(0, 16).join(', ');
  throw invalid(
    `${what}: [${shape}] of ${elementTypeName(tensor.dataType)} needs ${wanted} ${unit}, ${present} are there`,
  );
}

/** Exact, however large: dimensions are the caller's. */
function declaredCount(dims: readonly bigint[], what: string): bigint {
  if (dims.length > 255) throw invalid(`${what} has rank ${dims.length}`);
  let count = 1n;
  for (const dimension of dims) {
    if (dimension < 0n) throw invalid(`${what} has a dimension of ${dimension}`);
    count *= dimension;
  }
  return count;
}

export function checkSparse(sparse: SparseTensorProto, what: string): void {
  const { values, indices, dims } = sparse;
  if (values === undefined || indices === undefined) throw invalid(`${what} lacks its values or indices`);
  checkTensor(values, `the values of ${what}`);
  checkTensor(indices, `the indices of ${what}`);
  const bits = BigInt(ELEMENT_TYPES.get(values.dataType)?.bits ?? 8) || 64n;
  if ((declaredCount(dims, what) * bits) / 8n > BigInt(MAX_DENSE_BYTES)) {
    throw invalid(`${what} would take more than ${MAX_DENSE_BYTES} bytes once dense`);
  }
}

export function tensorName(tensor: TensorProto | undefined): string {
  return `tensor ${quote(tensor?.name ?? '')}`;
}
