import { quote } from '../../core/ids.ts';
import { invalid } from './faults.ts';
import type { FunctionProto, GraphProto, ModelProto, NodeProto } from './onnx_pb.ts';

/**
 * Nodes of a model once every call of a function is replaced by its body, as ONNX Runtime does while loading. A few
 * functions that call each other twice each make more than any machine holds.
 */
const MAX_EXPANDED_NODES = 200_000;

export type Functions = ReadonlyMap<string, FunctionProto>;

export function functionKey(
  { domain, overload }: { domain: string; overload: string },
  name: string,
): string {
  return JSON.stringify([domain === 'ai.onnx' ? '' : domain, name, overload]);
}

export function functionsOf(model: ModelProto): Functions {
  const functions = new Map<string, FunctionProto>();
  for (const body of model.functions) {
    const key = functionKey(body, body.name);
    if (functions.has(key))
      throw invalid(`function ${quote(body.name)} of ${quote(body.domain)} is defined twice`);
    functions.set(key, body);
  }
  return functions;
}

/** That expanding ends, and soon. */
export function checkExpansion(graph: GraphProto, functions: Functions): void {
  if (functions.size === 0) return;
  const sizes = new Map<string, number>();
  const open = new Set<string>();

  const sizeOfNodes = (nodes: readonly NodeProto[]): number => {
    let size = 0;
    for (const node of nodes) {
      size += 1 + sizeOfCall(node);
      for (const subgraph of subgraphsOf(node)) size += sizeOfNodes(subgraph.node);
      if (size > MAX_EXPANDED_NODES) {
        throw invalid(`the model's functions expand to more than ${MAX_EXPANDED_NODES} nodes`);
      }
    }
    return size;
  };

  const sizeOfCall = (node: NodeProto): number => {
    const key = functionKey(node, node.opType);
    const body = functions.get(key);
    if (body === undefined) return 0;
    const known = sizes.get(key);
    if (known !== undefined) return known;
    // Depth is bounded as well: expanding and this walk both go one call deeper a function.
    if (open.has(key) || open.size > 200) {
      throw invalid(
        `function ${quote(body.name)} of ${quote(body.domain)} calls itself, or too deep; it would expand for ever`,
      );
    }
    open.add(key);
    const size = sizeOfNodes(body.node);
    open.delete(key);
    sizes.set(key, size);
    return size;
  };

  for (const body of functions.values()) sizeOfNodes(body.node);
  sizeOfNodes(graph.node);
}

export function subgraphsOf(node: NodeProto): GraphProto[] {
  const graphs: GraphProto[] = [];
  for (const { g, graphs: list } of node.attribute) {
    if (g !== undefined) graphs.push(g);
    if (list.length > 0) graphs.push(...list);
  }
  return graphs;
}
