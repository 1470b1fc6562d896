import type { EmbeddingStructure, MlpStructure } from '../workload/structures.ts';
import {
  attribute,
  ELEMENT,
  encodeModel,
  node,
  type NodeInit,
  type TensorInit,
  tensorValue,
  weights,
} from './onnx.ts';
import { rawSlots, type Slots } from './slots.ts';
import { type Template, writeNoise } from './template.ts';

const OPSETS = [['', 13]] as const;

interface Matrix {
  readonly name: string;
  readonly dims: readonly number[];
  /** Standard deviation of its numbers. */
  readonly scale: number;
}

/** A multilayer perceptron on numbers. */
export function mlpTemplate({ features, hidden }: MlpStructure): Template {
  const sizes = [features.length, ...hidden, 1];
  const nodes: NodeInit[] = [];
  const matrices: Matrix[] = [];
  let from = 'features';
  for (const [layer, size] of sizes.slice(1).entries()) {
    const isLast = layer === sizes.length - 2;
    const to = isLast ? 'score' : `hidden_${layer}`;
    const before = sizes[layer] as number;
    matrices.push(...dense(`dense_${layer}`, before, size));
    nodes.push(node('Gemm', [from, `dense_${layer}.weight`, `dense_${layer}.bias`], [`dense_${layer}`]));
    nodes.push(node(isLast ? 'Sigmoid' : 'Tanh', [`dense_${layer}`], [to]));
    from = to;
  }
  const inputs = [tensorValue('features', ELEMENT.float, [null, features.length])];
  return networkTemplate(nodes, inputs, matrices);
}

/** Ids of several entities in one table, their vectors side by side, and a small head: a click or match score. */
export function embeddingTemplate({ features, cardinality, width }: EmbeddingStructure): Template {
  const joined = features.length * width;
  const nodes = [
    node('Gather', ['table', 'ids'], ['vectors']),
    node('Flatten', ['vectors'], ['joined'], [attribute.int('axis', 1)]),
    node('Gemm', ['joined', 'head.weight', 'head.bias'], ['head']),
    node('Relu', ['head'], ['active']),
    node('Gemm', ['active', 'out.weight', 'out.bias'], ['out']),
    node('Sigmoid', ['out'], ['score']),
  ];
  const matrices = [
    { name: 'table', dims: [cardinality, width], scale: 0.3 },
    ...dense('head', joined, 32),
    ...dense('out', 32, 1),
  ];
  return networkTemplate(nodes, [tensorValue('ids', ELEMENT.int64, [null, features.length])], matrices);
}

/** Scaled so that signals neither die out nor saturate (Glorot and Bengio 2010, without the fan out). */
function dense(name: string, from: number, to: number): Matrix[] {
  return [
    { name: `${name}.weight`, dims: [from, to], scale: 1 / Math.sqrt(from) },
    { name: `${name}.bias`, dims: [to], scale: 0.05 },
  ];
}

function networkTemplate(
  nodes: readonly NodeInit[],
  inputs: readonly ReturnType<typeof tensorValue>[],
  matrices: readonly Matrix[],
): Template {
  const initializers = matrices.map(({ name, dims }): TensorInit => weights(name, dims));
  const outputs = [tensorValue('score', ELEMENT.float, [null, 1])];
  const bytes = encodeModel('pytorch', OPSETS, { nodes, inputs, outputs, initializers });
  const slots = matrices.map(({ name, dims, scale }): { slots: Slots; scale: number } => ({
    slots: rawSlots(
      bytes,
      name,
      dims.reduce((product, size) => product * size, 1),
    ),
    scale,
  }));
  return {
    bytes,
    write(view, rng) {
      for (const each of slots) writeNoise(view, each.slots, rng, each.scale);
    },
  };
}
