import type { PreparedArtifact } from '../onnx/prepare.ts';
import type { GraphProto, ModelProto, NodeProto, TensorProto } from '../onnx/onnx_pb.ts';
import { readModel } from '../onnx/read.ts';
import type { TensorSpec } from '../signature.ts';
import { type EncodedPlan, encodePlan } from './blob.ts';
import { PlanBuilder, type Probe } from './builder.ts';
import { checkConstantDims, constantOf } from './constants.ts';
import { planNode } from './node.ts';
import { NotCompiled } from './not-compiled.ts';
import { OPERATORS } from './operators/table.ts';
import { PLAN_FORMAT, type PlanPort, type PlanStructure } from './structure.ts';
import { planType, sizeOf, type Value } from './values.ts';

/** More elementary operations a row than this, and native code is faster, hop included. */
const MAX_WORK = 1_000_000;
/** Every worker that runs one of its plans parses the structure and keeps it. */
export const MAX_STRUCTURE_BYTES = 2 ** 20;

export type Compiled =
  | { readonly plan: EncodedPlan; readonly structure: PlanStructure; readonly probes: readonly Probe[] }
  | { readonly reason: string };

/** A prepared artifact as a plan, or why it stays with ONNX Runtime. The same bytes give the same plan. Pure. */
export function compilePlan(prepared: PreparedArtifact): Compiled {
  try {
    return compile(prepared);
  } catch (error) {
    if (error instanceof NotCompiled) return { reason: `it ${error.message}` };
    throw error;
  }
}

function compile({ bytes, signature }: PreparedArtifact): Exclude<Compiled, { reason: string }> {
  const { model, graph } = readModel(bytes);
  if (model.functions.length > 0) throw new NotCompiled('has functions of its own');
  if (graph.sparseInitializer.length > 0) throw new NotCompiled('has sparse constants');
  const builder = new PlanBuilder();
  const fixedRows = fixedRowsOf(signature.inputs.map(({ shape }) => shape));
  const values = new Values(graph);
  const inputs = signature.inputs.map((spec, index) => inputPort(spec, index, values, builder));
  if (inputs.length === 0) throw new NotCompiled('has no inputs');
  for (const node of usedNodes(graph)) compileNode(node, model, values, builder, fixedRows);
  const outputs = graph.output.map(({ name }) => outputPort(name, values.get(name)));
  if (builder.work > MAX_WORK) throw new NotCompiled(`takes ${Math.ceil(builder.work)} operations a row`);
  const { registers, steps, sections, probes, work } = builder;
  const structure: PlanStructure = { format: PLAN_FORMAT, inputs, registers, steps, outputs };
  const plan = encodePlan(structure, sections, work);
  if (plan.structure.byteLength > MAX_STRUCTURE_BYTES)
    throw new NotCompiled(`has a structure of ${plan.structure.byteLength} bytes`);
  return { plan, structure, probes };
}

/** Values by name. Constants are read when they are used: those of strange types belong to strange operators. */
class Values {
  readonly #known = new Map<string, Value>();
  readonly #constants: ReadonlyMap<string, TensorProto>;

  constructor(graph: GraphProto) {
    this.#constants = new Map(graph.initializer.map((tensor) => [tensor.name, tensor]));
  }

  set(name: string, value: Value): void {
    this.#known.set(name, value);
  }

  get(name: string): Value {
    const known = this.#known.get(name);
    if (known !== undefined) return known;
    const tensor = this.#constants.get(name);
    // ONNX demands the nodes' order, and a node may have outputs that are not compiled.
    if (tensor === undefined)
      throw new NotCompiled(`uses ${name.slice(0, 80)}, which is not computed before`);
    const constant = constantOf(tensor);
    this.#known.set(name, constant);
    return constant;
  }
}

function inputPort(
  { name, datatype, shape }: TensorSpec,
  input: number,
  values: Values,
  builder: PlanBuilder,
): PlanPort {
  const dims = shape.slice(1);
  if (shape.length === 0 || dims.includes(-1))
    throw new NotCompiled(`has an input of free width (${name.slice(0, 80)})`);
  const type = planType(datatype, `input ${name.slice(0, 80)}`);
  // The builder refuses what is too wide before its columns are listed.
  const value = builder.row(type, dims);
  const origins = Array.from({ length: sizeOf(dims) }, (_, column) => ({ input, column }));
  const integers = type === 'INT64' ? { integers: { rounded: true } as const } : {};
  values.set(name, { ...value, origins, ...integers });
  return { name, datatype, dims, register: value.register };
}

function outputPort(name: string, value: Value): PlanPort {
  const short = name.slice(0, 80);
  if (value.kind !== 'row') throw new NotCompiled(`answers a constant (${short})`);
  if (value.across) throw new NotCompiled(`answers rows laid across (${short})`);
  if (value.integers?.rounded) throw new NotCompiled(`answers INT64 of any size as they came (${short})`);
  return { name, datatype: value.type, dims: value.dims, register: value.register };
}

/** Nodes whose results nobody asks for aren't run. */
function usedNodes(graph: GraphProto): NodeProto[] {
  const used = new Set(graph.output.map(({ name }) => name));
  const nodes = graph.node.toReversed().filter((node) => {
    if (!node.output.some((name) => used.has(name))) return false;
    for (const name of node.input) used.add(name);
    return true;
  });
  return nodes.toReversed();
}

/** Undefined: any number. Different ones can't be told apart from other dimensions. */
function fixedRowsOf(shapes: readonly (readonly number[])[]): number | undefined {
  const rows = new Set(shapes.map((shape) => shape[0] ?? 0));
  if (rows.size !== 1) throw new NotCompiled('has inputs of different numbers of rows');
  const [fixed] = rows;
  return fixed === -1 ? undefined : fixed;
}

function compileNode(
  node: NodeProto,
  model: ModelProto,
  values: Values,
  builder: PlanBuilder,
  fixedRows: number | undefined,
): void {
  const domain = node.domain === 'ai.onnx' ? '' : node.domain;
  const compiler = OPERATORS.get(domain === '' ? node.opType : `${domain}:${node.opType}`);
  if (compiler === undefined) throw new NotCompiled(`uses operator ${node.opType.slice(0, 80)}`);
  const inputs = node.input.map((name) => (name === '' ? undefined : values.get(name)));
  const versions = model.opsetImport.filter((set) => (set.domain === 'ai.onnx' ? '' : set.domain) === domain);
  const opset = versions.reduce((most, { version }) => Math.max(most, Number(version)), 0);
  const outputs = compiler(planNode(node, { opset, inputs, fixedRows, builder }));
  for (const [index, name] of node.output.entries()) {
    const value = outputs[index];
    if (value?.kind === 'const') checkConstantDims(value.dims);
    if (name !== '' && value !== undefined) values.set(name, value);
  }
}
