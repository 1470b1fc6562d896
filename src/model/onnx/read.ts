import { fromBinary } from '@bufbuild/protobuf';
import { invalid } from './faults.ts';
import { type GraphProto, type ModelProto, ModelProtoSchema } from './onnx_pb.ts';
import { checkWire, MAX_DEPTH } from './wire-check.ts';

export interface ReadModel {
  readonly model: ModelProto;
  readonly graph: GraphProto;
}

/** Bytes to a model, or INVALID_ARTIFACT. Says nothing yet of what the graph means. */
export function readModel(artifact: Uint8Array): ReadModel {
  if (artifact.byteLength === 0) throw invalid('the artifact is empty');
  checkWire(artifact);
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, artifact, { recursionLimit: MAX_DEPTH });
  } catch (cause) {
    throw invalid(
      `the artifact is not an ONNX file: ${cause instanceof Error ? cause.message : String(cause)}`,
    );
  }
  const { graph } = model;
  if (graph === undefined) throw invalid('the artifact is not an ONNX model: it has no graph');
  if (model.opsetImport.length === 0)
    throw invalid('the artifact is not an ONNX model: it imports no operator set');
  return { model, graph };
}
