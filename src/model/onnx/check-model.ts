import { checkExpansion, functionsOf } from './functions.ts';
import { checkFunctionBodies, checkGraph } from './graph-check.ts';
import type { GraphProto, ModelProto } from './onnx_pb.ts';
import { checkOperatorSets } from './operator-sets.ts';

/** All that is checked of a model before it is prepared. Throws INVALID_ARTIFACT or UNSUPPORTED_ARTIFACT. */
export function checkModel(model: ModelProto, graph: GraphProto): void {
  checkOperatorSets(model);
  const functions = functionsOf(model);
  checkFunctionBodies(functions);
  checkExpansion(graph, functions);
  checkGraph(graph, functions);
}
