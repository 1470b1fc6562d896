import type { GraphProto, ModelProto } from './onnx_pb.ts';
import { checkOperatorSets } from './operator-sets.ts';

/** All that is checked of a model before it is prepared, cheapest first. */
export function checkModel(model: ModelProto, _graph: GraphProto): void {
  checkOperatorSets(model);
}
