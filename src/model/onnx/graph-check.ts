import { quote } from '../../core/ids.ts';
import { nodeName } from './attributes.ts';
import { invalid } from './faults.ts';
import { type Functions, subgraphsOf } from './functions.ts';
import { checkNode } from './node-check.ts';
import type { GraphProto, NodeProto } from './onnx_pb.ts';
import { checkSparse, checkTensor, tensorName } from './tensor-check.ts';

/** A body of nodes: the main graph, a subgraph, or a function's. */
interface Body {
  readonly what: string;
  readonly nodes: readonly NodeProto[];
  /** Names that are there before any node runs. */
  readonly given: ReadonlySet<string>;
  readonly outputs: readonly string[];
}

export function checkGraph(graph: GraphProto, functions: Functions): void {
  checkUnique(
    graph.input.map(({ name }) => name),
    'input',
  );
  checkUnique(
    graph.output.map(({ name }) => name),
    'output',
  );
  const free = checkGraphBody(graph, functions, 'the graph');
  for (const [name, user] of free) throw dangling(name, user);
}

export function checkFunctionBodies(functions: Functions): void {
  for (const body of functions.values()) {
    const what = `function ${quote(body.name)}`;
    const free = checkBody(
      { what, nodes: body.node, given: new Set(body.input), outputs: body.output },
      functions,
    );
    for (const [name, user] of free) throw dangling(name, `${user} in ${what}`);
  }
}

/** Free names of a graph: what it uses and doesn't make, with one user each for a message. */
type FreeNames = Map<string, string>;

function checkGraphBody(graph: GraphProto, functions: Functions, what: string): FreeNames {
  for (const tensor of graph.initializer) checkTensor(tensor, `initializer ${quote(tensor.name)}`);
  for (const sparse of graph.sparseInitializer) checkSparse(sparse, `sparse ${tensorName(sparse.values)}`);
  const given = new Set(graph.input.map(({ name }) => name));
  for (const { name } of graph.initializer) given.add(name);
  for (const { values } of graph.sparseInitializer) given.add(values?.name ?? '');
  const outputs = graph.output.map(({ name }) => name);
  return checkBody({ what, nodes: graph.node, given, outputs }, functions);
}

/** Names made once, edges that lead somewhere, no cycle; ONNX Runtime sorts nodes itself, so any order will do. */
function checkBody(body: Body, functions: Functions): FreeNames {
  const makers = new Map<string, number>();
  const nodeNames = new Set<string>();
  body.nodes.forEach((node, index) => {
    checkNode(node, functions);
    if (node.name !== '' && nodeNames.has(node.name))
      throw invalid(`two nodes are named ${quote(node.name)}`);
    nodeNames.add(node.name);
    for (const output of node.output) {
      if (output === '') continue;
      if (makers.has(output) || body.given.has(output)) {
        throw invalid(
          `${quote(output)} is defined twice in ${body.what}, the second time by ${nodeName(node)}`,
        );
      }
      makers.set(output, index);
    }
  });
  const free: FreeNames = new Map();
  const sources = body.nodes.map((node) => {
    const from: number[] = [];
    for (const [name, user] of usedNames(node, functions)) {
      const maker = makers.get(name);
      if (maker !== undefined) from.push(maker);
      else if (!body.given.has(name)) free.set(name, user);
    }
    return from;
  });
  checkAcyclic(body, sources);
  for (const output of body.outputs) {
    if (!makers.has(output) && !body.given.has(output))
      free.set(output, `output ${quote(output)} of ${body.what}`);
  }
  return free;
}

/** A node's own inputs and what its subgraphs take from around it. */
function usedNames(node: NodeProto, functions: Functions): FreeNames {
  const used: FreeNames = new Map();
  for (const name of node.input) if (name !== '') used.set(name, nodeName(node));
  for (const subgraph of subgraphsOf(node)) {
    checkUnique(
      subgraph.output.map(({ name }) => name),
      `output of a subgraph of ${nodeName(node)}:`,
    );
    const free = checkGraphBody(subgraph, functions, `a subgraph of ${nodeName(node)}`);
    for (const [name, user] of free) used.set(name, user);
  }
  return used;
}

/** Kahn's algorithm: what can't be put in order lies on a cycle or behind one. */
function checkAcyclic(body: Body, sources: readonly (readonly number[])[]): void {
  const targets = body.nodes.map((): number[] => []);
  const waiting = sources.map((from, index) => {
    for (const source of from) targets[source]?.push(index);
    return from.length;
  });
  const ready: number[] = [];
  waiting.forEach((count, index) => {
    if (count === 0) ready.push(index);
  });
  let ordered = 0;
  for (let index = ready.pop(); index !== undefined; index = ready.pop()) {
    ordered++;
    for (const target of targets[index] ?? []) {
      waiting[target] = (waiting[target] ?? 0) - 1;
      if (waiting[target] === 0) ready.push(target);
    }
  }
  if (ordered === body.nodes.length) return;
  throw invalid(`${body.what} has a cycle through ${nodeName(nodeOnCycle(body, sources, waiting))}`);
}

/** Going back from a node that never became ready, along sources that didn't either, ends up on the cycle. */
function nodeOnCycle(
  body: Body,
  sources: readonly (readonly number[])[],
  waiting: readonly number[],
): NodeProto {
  const stuck = (index: number): boolean => (waiting[index] ?? 0) > 0;
  const seen = new Set<number>();
  let at = waiting.findIndex((count) => count > 0);
  while (!seen.has(at)) {
    seen.add(at);
    at = sources[at]?.find(stuck) ?? at;
  }
  return body.nodes[at] as NodeProto;
}

function checkUnique(names: readonly string[], what: string): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (seen.has(name)) throw invalid(`${what} ${quote(name)} is declared twice`);
    seen.add(name);
  }
}

function dangling(name: string, user: string): Error {
  return invalid(`${user} needs ${quote(name)}, which nothing makes: no input, initializer or node`);
}
