import { type ClassLabel, findAttribute, intLabel, textLabel } from './attributes.ts';
import { STRING } from './data-types.ts';
import type { GraphProto, NodeProto, TensorProto } from './onnx_pb.ts';

const INT32 = 6;
const INT64 = 7;
const MAX_STEPS = 32;
/** Steps that change a list of labels in form only. */
const KEEPS_LABELS = new Set(['Identity', 'Cast', 'Reshape', 'Squeeze', 'Unsqueeze', 'Flatten']);

/**
 * Where a graph computes its label as classes[ArgMax(scores)], as skl2onnx writes most classifiers that have no
 * operator of their own: the tensor of scores -> the classes, in column order. Nothing but this says which column is which.
 */
export function chosenLabels(
  graph: GraphProto,
  producers: ReadonlyMap<string, NodeProto>,
): Map<string, ClassLabel[]> {
  const constants = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  const found = new Map<string, ClassLabel[]>();
  for (const { name } of graph.output) {
    const extractor = producerBehind(name, producers);
    if (extractor?.opType !== 'ArrayFeatureExtractor') continue;
    const classes = constants.get(extractor.input[0] ?? '');
    const scores = argMaxInput(producerBehind(extractor.input[1] ?? '', producers));
    const labels = classes === undefined ? undefined : labelsOfTensor(classes);
    if (scores !== undefined && labels !== undefined) found.set(scores, labels);
  }
  return found;
}

function producerBehind(name: string, producers: ReadonlyMap<string, NodeProto>): NodeProto | undefined {
  let node = producers.get(name);
  for (let step = 0; step < MAX_STEPS && node !== undefined && KEEPS_LABELS.has(node.opType); step++) {
    node = producers.get(node.input[0] ?? '');
  }
  return node;
}

function argMaxInput(node: NodeProto | undefined): string | undefined {
  if (node?.opType !== 'ArgMax') return undefined;
  const axis = findAttribute(node, 'axis')?.i ?? 0n;
  return axis === 1n || axis === -1n ? node.input[0] : undefined;
}

function labelsOfTensor(tensor: TensorProto): ClassLabel[] | undefined {
  switch (tensor.dataType) {
    case STRING:
      return tensor.stringData.map(textLabel);
    case INT64:
      return (tensor.int64Data.length > 0 ? tensor.int64Data : rawIntegers(tensor, 8)).map(intLabel);
    case INT32:
      return tensor.int32Data.length > 0 ? [...tensor.int32Data] : rawIntegers(tensor, 4).map(intLabel);
    default:
      return undefined;
  }
}

function rawIntegers({ rawData }: TensorProto, width: 4 | 8): bigint[] {
  const view = new DataView(rawData.buffer, rawData.byteOffset, rawData.byteLength);
  return Array.from({ length: rawData.byteLength / width }, (_, index) =>
    width === 8 ? view.getBigInt64(index * 8, true) : BigInt(view.getInt32(index * 4, true)),
  );
}
