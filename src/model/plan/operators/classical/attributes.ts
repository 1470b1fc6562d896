import type { Labels, PostTransform } from '../../classical-steps.ts';
import type { PlanNode } from '../../node.ts';
import { NotCompiled } from '../../not-compiled.ts';
import { decodeText } from '../../texts.ts';
import type { Integers, RowValue } from '../../values.ts';

const TRANSFORMS: ReadonlySet<string> = new Set(['NONE', 'LOGISTIC', 'SOFTMAX', 'SOFTMAX_ZERO', 'PROBIT']);

export function textAttribute(node: PlanNode, name: string, otherwise: string): string {
  const found = node.attribute(name);
  return found === undefined ? otherwise : decodeText(found.s, node.name);
}

export function textsAttribute(node: PlanNode, name: string): string[] {
  return (node.attribute(name)?.strings ?? []).map((bytes) => decodeText(bytes, node.name));
}

/** Only integers that a double holds. */
export function intAttribute(node: PlanNode, name: string, otherwise: number): number {
  const found = node.attribute(name);
  return found === undefined ? otherwise : safe(found.i, node);
}

export function intsAttribute(node: PlanNode, name: string): number[] {
  return (node.attribute(name)?.ints ?? []).map((value) => safe(value, node));
}

export function floatsAttribute(node: PlanNode, name: string): Float32Array {
  return Float32Array.from(node.attribute(name)?.floats ?? []);
}

export function postTransformOf(node: PlanNode): PostTransform {
  const name = textAttribute(node, 'post_transform', 'NONE');
  if (!TRANSFORMS.has(name))
    throw new NotCompiled(`has a post_transform ${name.slice(0, 40)} (${node.name})`);
  return name as PostTransform;
}

/** Class labels of a node; texts when it has any. */
export function labelsOf(node: PlanNode, ints: string, strings: string): Labels {
  const texts = textsAttribute(node, strings);
  return texts.length > 0 ? texts : intsAttribute(node, ints);
}

/** A register for one label a row. */
export function labelRow({ builder }: PlanNode, labels: Labels): RowValue {
  return builder.row(typeof labels[0] === 'string' ? 'BYTES' : 'INT64', [], undefined, integersOf(labels));
}

/** What is known of values that are some of these. */
export function integersOf(values: Labels): Integers | undefined {
  const numbers = values.filter((value) => typeof value === 'number');
  if (numbers.length === 0 || numbers.length < values.length) return undefined;
  return { range: [numbers.reduce((a, b) => Math.min(a, b)), numbers.reduce((a, b) => Math.max(a, b))] };
}

function safe(value: bigint, node: PlanNode): number {
  const number = Number(value);
  if (Number.isSafeInteger(number)) return number;
  throw new NotCompiled(`holds an integer beyond 2^53 (${node.name})`);
}
