import { quote } from '../../core/ids.ts';
import { unsupported } from './faults.ts';
import type { ModelProto } from './onnx_pb.ts';

/** What ONNX Runtime 1.30 reads, found by asking it (test/unit/model/onnx holds the questions). */
const MAX_IR_VERSION = 13n;

/** Domains whose operators are built into its CPU library, and the last version that it takes of each. */
export const BUILT_IN_DOMAINS: ReadonlyMap<string, bigint> = new Map([
  ['', 26n],
  ['ai.onnx', 26n],
  ['ai.onnx.ml', 5n],
  ['ai.onnx.training', 1n],
  ['ai.onnx.preview', 1n],
  ['ai.onnx.preview.training', 1n],
  ['com.microsoft', 1n],
  ['com.microsoft.experimental', 1n],
  ['com.microsoft.nchwc', 1n],
  ['com.ms.internal.nhwc', 26n],
  ['org.pytorch.aten', 1n],
]);

/** The same domain may be imported twice (skl2onnx does), and one that no node uses may be unknown. */
export function checkOperatorSets(model: ModelProto): void {
  if (model.irVersion > MAX_IR_VERSION) {
    throw unsupported(
      `IR version ${model.irVersion} is newer than ${MAX_IR_VERSION}, the last that is served`,
    );
  }
  const imports = [model.opsetImport, ...model.functions.map(({ opsetImport }) => opsetImport)].flat();
  for (const { domain, version } of imports) {
    const last = BUILT_IN_DOMAINS.get(domain);
    if (last !== undefined && version > last) {
      throw unsupported(
        `operator set ${quote(domain === '' ? 'ai.onnx' : domain)} ${version} is newer than ${last}, the last that is served`,
      );
    }
  }
}
