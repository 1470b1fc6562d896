import { findAttribute, nodeName } from '../onnx/attributes.ts';
import type { AttributeProto, NodeProto } from '../onnx/onnx_pb.ts';
import type { PlanBuilder } from './builder.ts';
import { NotCompiled } from './not-compiled.ts';
import type { Value } from './values.ts';

/** One operator on its way into a plan. */
export interface PlanNode {
  readonly op: string;
  /** Of the operator's own domain. */
  readonly opset: number;
  /** Undefined: an optional input that is left out. */
  readonly inputs: readonly (Value | undefined)[];
  /** How many outputs it names; '' for one that nobody uses. */
  readonly outputs: readonly string[];
  /** For messages. */
  readonly name: string;
  /** The models' fixed number of rows, when there is one: shapes in constants name it. */
  readonly fixedRows: number | undefined;
  readonly builder: PlanBuilder;
  attribute(name: string): AttributeProto | undefined;
}

/** Adds the operator's steps and answers its outputs, in order. Throws NotCompiled. */
export type OperatorCompiler = (node: PlanNode) => readonly (Value | undefined)[];

export function inputOf(node: PlanNode, index: number): Value {
  const value = node.inputs[index];
  if (value === undefined) throw new NotCompiled(`leaves out input ${index} of ${node.name}`);
  return value;
}

export function planNode(
  node: NodeProto,
  parts: Pick<PlanNode, 'opset' | 'inputs' | 'fixedRows' | 'builder'>,
): PlanNode {
  return {
    ...parts,
    op: node.opType,
    outputs: node.output,
    name: nodeName(node),
    attribute: (name) => findAttribute(node, name),
  };
}
