import { invalid } from './faults.ts';
import type { AttributeProto, NodeProto } from './onnx_pb.ts';

export type ClassLabel = string | number;

export function findAttribute(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find((attribute) => attribute.name === name);
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** Class labels of a node from the first of these attributes that has any; undefined when none is usable. */
export function classLabelsOf(node: NodeProto, attributeNames: readonly string[]): ClassLabel[] | undefined {
  for (const name of attributeNames) {
    const found = findAttribute(node, name);
    if (found === undefined) continue;
    const labels =
      found.ints.length > 0 ? found.ints.map(intLabel) : found.strings.map((bytes) => textLabel(bytes));
    if (labels.length > 0) return labels;
  }
  return undefined;
}

/** An int64 label that a double can't hold stays text, so that it is never altered. */
export function intLabel(value: bigint): ClassLabel {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

export function textLabel(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw invalid('a class label is not valid UTF-8');
  }
}

/** `name` of a node for a message: its own, else its operator and first output. */
export function nodeName(node: NodeProto): string {
  const name =
    node.name === '' ? `making ${JSON.stringify(node.output[0] ?? '')}` : JSON.stringify(node.name);
  return `node ${name.slice(0, 120)} (${node.opType.slice(0, 80)})`;
}
