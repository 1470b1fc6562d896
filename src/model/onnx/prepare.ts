import { toBinary } from '@bufbuild/protobuf';
import type { OutputSpec, Signature } from '../signature.ts';
import { checkModel } from './check-model.ts';
import { classifierOf, scoreLabels } from './class-labels.ts';
import { ModelProtoSchema } from './onnx_pb.ts';
import { readModel } from './read.ts';
import { signatureOf } from './signature-of.ts';
import { removeZipMaps } from './zip-map.ts';

export interface PreparedArtifact {
  /** What lanes load: the artifact itself (the same object) when nothing had to change. */
  readonly bytes: Uint8Array;
  readonly signature: Signature;
  /** Names of the label output and of the score output of a classifier. */
  readonly classifier?: { readonly label: string; readonly probabilities: string };
}

/**
 * An ONNX file as its converter wrote it, read, checked and made fit to serve. Pure.
 * Throws INVALID_ARTIFACT or UNSUPPORTED_ARTIFACT, and nothing else, whatever the bytes.
 */
export function prepareArtifact(artifact: Uint8Array): PreparedArtifact {
  const { model, graph } = readModel(artifact);
  checkModel(model, graph);
  const zipMaps = removeZipMaps(graph);
  const { inputs, outputs: plain } = signatureOf(graph);
  const labels = scoreLabels(graph, plain);
  const outputs = plain.map((output): OutputSpec => {
    const zipped = zipMaps.get(output.name);
    if (zipped !== undefined) return { ...output, classLabels: zipped, zipMap: true };
    const classLabels = labels.get(output.name);
    return classLabels === undefined ? output : { ...output, classLabels };
  });
  const classifier = classifierOf(outputs);
  return {
    bytes: zipMaps.size === 0 ? artifact : toBinary(ModelProtoSchema, model),
    signature: { inputs, outputs },
    ...(classifier === undefined ? {} : { classifier }),
  };
}
