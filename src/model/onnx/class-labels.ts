import type { OutputSpec } from '../signature.ts';
import { type ClassLabel, classLabelsOf, findAttribute } from './attributes.ts';
import { chosenLabels } from './chosen-labels.ts';
import type { GraphProto, NodeProto } from './onnx_pb.ts';

const ML = 'ai.onnx.ml';
/** Steps that keep columns as they are, so that a score stays its class's score. */
const KEEPS_COLUMNS = new Set(['Identity', 'Cast', 'Normalizer']);
const MAX_STEPS = 32;

/** The classes behind each tensor output that holds one score a class, where the graph says so with certainty. */
export function scoreLabels(graph: GraphProto, outputs: readonly OutputSpec[]): Map<string, ClassLabel[]> {
  const producers = new Map<string, NodeProto>();
  for (const node of graph.node) for (const output of node.output) producers.set(output, node);
  const chosen = chosenLabels(graph, producers);
  const found = new Map<string, ClassLabel[]>();
  for (const output of outputs) {
    if (!['FP32', 'FP64', 'FP16'].includes(output.datatype) || output.shape.length !== 2) continue;
    const labels = labelsBehind(output.name, producers, chosen);
    const columns = output.shape[1];
    if (labels !== undefined && (columns === -1 || columns === labels.length)) found.set(output.name, labels);
  }
  return found;
}

function labelsBehind(
  name: string,
  producers: ReadonlyMap<string, NodeProto>,
  chosen: ReadonlyMap<string, ClassLabel[]>,
): ClassLabel[] | undefined {
  let at = name;
  for (let step = 0; step < MAX_STEPS; step++) {
    const labels = chosen.get(at);
    if (labels !== undefined) return unambiguous(labels);
    const node = producers.get(at);
    if (node === undefined) return undefined;
    if (node.output[1] === at) return node.domain === ML ? unambiguous(labelsOfOperator(node)) : undefined;
    if (!KEEPS_COLUMNS.has(node.opType)) return undefined;
    at = node.input[0] ?? '';
  }
  return undefined;
}

function unambiguous(labels: ClassLabel[] | undefined): ClassLabel[] | undefined {
  return labels !== undefined && new Set(labels.map(String)).size === labels.length ? labels : undefined;
}

function labelsOfOperator(node: NodeProto): ClassLabel[] | undefined {
  switch (node.opType) {
    case 'TreeEnsembleClassifier':
      return classLabelsOf(node, ['classlabels_strings', 'classlabels_int64s']);
    case 'LinearClassifier':
      return classLabelsOf(node, ['classlabels_strings', 'classlabels_ints']);
    case 'SVMClassifier': {
      // Without probabilities a support vector classifier scores pairs of classes.
      const scoresPairs =
        (findAttribute(node, 'vectors_per_class')?.ints.length ?? 0) > 0 &&
        (findAttribute(node, 'prob_a')?.floats.length ?? 0) === 0;
      return scoresPairs ? undefined : classLabelsOf(node, ['classlabels_strings', 'classlabels_ints']);
    }
    default:
      return undefined;
  }
}

/**
 * The two outputs of a classifier, when there is exactly one of each: scores whose classes are known, and labels
 * of the classes' type, one a row.
 */
export function classifierOf(
  outputs: readonly OutputSpec[],
): { label: string; probabilities: string } | undefined {
  const scores = outputs.filter(({ classLabels }) => classLabels !== undefined);
  const [only] = scores;
  if (only === undefined || scores.length > 1) return undefined;
  // Classes that are text need a label that is text; an index of them is no label.
  const isNumeric = (label: ClassLabel): boolean => /^-?\d+$/.test(String(label));
  const datatypes = only.classLabels?.every(isNumeric) === true ? ['INT64', 'INT32', 'BYTES'] : ['BYTES'];
  const labels = outputs.filter(({ name, datatype, shape }) => {
    const onePerRow = shape.length === 1 || (shape.length === 2 && shape[1] === 1);
    return name !== only.name && datatypes.includes(datatype) && onePerRow;
  });
  const [label] = labels;
  return label === undefined || labels.length > 1
    ? undefined
    : { label: label.name, probabilities: only.name };
}
