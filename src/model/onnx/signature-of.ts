import { quote } from '../../core/ids.ts';
import type { OutputSpec, Signature, TensorSpec } from '../signature.ts';
import { ELEMENT_TYPES, elementTypeName } from './data-types.ts';
import { invalid, unsupported } from './faults.ts';
import type { GraphProto, TypeProto, ValueInfoProto } from './onnx_pb.ts';

/** What travels between processes keeps a rank in one byte, a name's length in two, a dimension in four. */
const MAX_RANK = 255;
const MAX_NAME_BYTES = 65_535;
const MAX_DIMENSION = 2 ** 32 - 1;

/**
 * The signature of a graph whose ZipMaps are gone. Inputs that an initializer fills are defaults, not inputs.
 * Throws UNSUPPORTED_ARTIFACT for a type that no datatype carries.
 */
export function signatureOf(graph: GraphProto): Signature {
  const filled = new Set(graph.initializer.map(({ name }) => name));
  for (const sparse of graph.sparseInitializer) filled.add(sparse.values?.name ?? '');
  const inputs = graph.input.filter(({ name }) => !filled.has(name)).map(inputSpec);
  const anyRows = inputs.length > 0 && inputs.every(({ shape }) => shape[0] === -1);
  const outputs = graph.output.map((output) => outputSpec(output, anyRows));
  if (outputs.length === 0) throw invalid('the graph has no output');
  return { inputs, outputs };
}

function inputSpec(value: ValueInfoProto): TensorSpec {
  const what = `input ${quote(value.name)}`;
  const { datatype, shape } = tensorType(value, what);
  if (shape === undefined) throw unsupported(`${what} declares no shape; its rank must be known`);
  return { name: value.name, datatype, shape };
}

function outputSpec(value: ValueInfoProto, anyRows: boolean): OutputSpec {
  const { datatype, shape } = tensorType(value, `output ${quote(value.name)}`);
  // Without a declared shape only the answer tells; one free dimension is what such outputs mostly are.
  if (shape === undefined) return { name: value.name, datatype, shape: [-1] };
  // LightGBM's converter declares its label as [1] beside an input of any number of rows.
  if (anyRows && shape[0] === 1) return { name: value.name, datatype, shape: [-1, ...shape.slice(1)] };
  return { name: value.name, datatype, shape };
}

function tensorType(
  value: ValueInfoProto,
  what: string,
): { datatype: TensorSpec['datatype']; shape: number[] | undefined } {
  checkName(value.name, what);
  const type = value.type?.value;
  if (type === undefined || type.case === undefined) throw unsupported(`${what} declares no type`);
  if (type.case !== 'tensorType')
    throw unsupported(`${what} is ${typeName(value.type)}; only tensors are served`);
  const datatype = ELEMENT_TYPES.get(type.value.elemType)?.datatype;
  if (datatype === undefined) {
    throw unsupported(`${what} holds ${elementTypeName(type.value.elemType)}, which no datatype carries`);
  }
  const shape = type.value.shape?.dim.map((dim) => dimension(dim.value, what));
  if (shape !== undefined && shape.length > MAX_RANK) throw unsupported(`${what} has rank ${shape.length}`);
  return { datatype, shape };
}

type Dim = { case: 'dimValue'; value: bigint } | { case: 'dimParam'; value: string } | { case: undefined };

function dimension(dim: Dim, what: string): number {
  // Some converters write -1, or another negative number, for a free dimension.
  if (dim.case !== 'dimValue' || dim.value < 0n) return -1;
  if (dim.value > BigInt(MAX_DIMENSION)) throw unsupported(`${what} has a dimension of ${dim.value}`);
  return Number(dim.value);
}

function checkName(name: string, what: string): void {
  if (name === '')
    throw invalid(`an ${what.startsWith('input') ? 'input' : 'output'} of the graph has no name`);
  // Names that aren't UTF-8 arrive with the replacement character; nobody could address them.
  if (name.includes('\ufffd')) throw unsupported(`${what}: the name is not valid UTF-8`);
  if (Buffer.byteLength(name) > MAX_NAME_BYTES)
    throw unsupported(`${what}: the name exceeds ${MAX_NAME_BYTES} bytes`);
}

/** A type in words, as ONNX Runtime writes them. */
function typeName(type: TypeProto | undefined): string {
  const value = type?.value;
  switch (value?.case) {
    case 'tensorType':
      return `tensor(${elementTypeName(value.value.elemType)})`;
    case 'sequenceType':
      return `seq(${typeName(value.value.elemType)})`;
    case 'mapType':
      return `map(${elementTypeName(value.value.keyType)},${typeName(value.value.valueType)})`;
    case 'optionalType':
      return `optional(${typeName(value.value.elemType)})`;
    case 'sparseTensorType':
      return `sparse_tensor(${elementTypeName(value.value.elemType)})`;
    case 'opaqueType':
      return 'opaque';
    default:
      return 'of no type';
  }
}
