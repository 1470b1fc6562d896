import { create } from '@bufbuild/protobuf';
import { quote } from '../../core/ids.ts';
import { type ClassLabel, classLabelsOf } from './attributes.ts';
import { invalid, unsupported } from './faults.ts';
import { type GraphProto, type NodeProto, NodeProtoSchema, TypeProtoSchema } from './onnx_pb.ts';

const FLOAT = 1;

/**
 * Takes the ZipMaps off the graph's outputs, in place: the scores themselves, one row a row, become the output of
 * that name. Answers the class labels by output name; empty when nothing changed.
 *
 * An Identity stands in, since the scores may be used elsewhere too, in subgraphs as well; ONNX Runtime removes it
 * while loading wherever it can.
 */
export function removeZipMaps(graph: GraphProto): Map<string, ClassLabel[]> {
  const labelsByOutput = new Map<string, ClassLabel[]>();
  const outputs = new Map(graph.output.map((output) => [output.name, output]));
  graph.node = graph.node.map((node) => {
    const name = node.output[0] ?? '';
    const output = outputs.get(name);
    if (!isZipMap(node) || output === undefined) return node;
    const labels = zipMapLabels(node, name);
    labelsByOutput.set(name, labels);
    output.type = matrixType(labels.length);
    return create(NodeProtoSchema, {
      opType: 'Identity',
      name: node.name,
      input: [...node.input],
      output: [name],
    });
  });
  if (labelsByOutput.size > 0) refuseOtherUses(graph, labelsByOutput);
  graph.valueInfo =
    labelsByOutput.size === 0
      ? graph.valueInfo
      : graph.valueInfo.filter(({ name }) => !labelsByOutput.has(name));
  return labelsByOutput;
}

function isZipMap(node: NodeProto): boolean {
  return node.opType === 'ZipMap' && node.domain === 'ai.onnx.ml';
}

function zipMapLabels(node: NodeProto, output: string): ClassLabel[] {
  if (node.input.length !== 1 || node.input[0] === '') {
    throw invalid(`the ZipMap of output ${quote(output)} must have one input, it has ${node.input.length}`);
  }
  const labels = classLabelsOf(node, ['classlabels_strings', 'classlabels_int64s']);
  if (labels === undefined) throw invalid(`the ZipMap of output ${quote(output)} names no classes`);
  if (new Set(labels.map(String)).size !== labels.length) {
    throw invalid(`the ZipMap of output ${quote(output)} names a class twice`);
  }
  return labels;
}

function matrixType(columns: number): ReturnType<typeof create<typeof TypeProtoSchema>> {
  const dim = [{}, { value: { case: 'dimValue' as const, value: BigInt(columns) } }];
  return create(TypeProtoSchema, {
    value: { case: 'tensorType', value: { elemType: FLOAT, shape: { dim } } },
  });
}

function refuseOtherUses(graph: GraphProto, labelsByOutput: ReadonlyMap<string, unknown>): void {
  for (const node of graph.node) {
    const used = node.input.find((name) => labelsByOutput.has(name));
    if (used !== undefined) {
      throw unsupported(
        `output ${quote(used)} is a ZipMap that other nodes use too; only tensors are served`,
      );
    }
  }
}
