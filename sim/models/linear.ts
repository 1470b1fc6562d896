import type { Rng } from '../workload/rng.ts';
import type { Feature } from '../workload/features.ts';
import type { LinearStructure } from '../workload/structures.ts';
import { classifierTail } from './classifier.ts';
import { attribute, ELEMENT, encodeModel, node, tensorValue } from './onnx.ts';
import { floatSlots } from './slots.ts';
import { type Template, writeFloats } from './template.ts';

/** A linear model, alone or behind a Scaler, as skl2onnx writes a scikit-learn pipeline. */
export function linearTemplate(structure: LinearStructure): Template {
  const { features, scaler } = structure;
  const targets = targetsOf(structure);
  const count = features.length;
  const bytes = encode(structure, targets);
  const coefficients = floatSlots(bytes, 'coefficients', targets * count);
  const intercepts = floatSlots(bytes, 'intercepts', targets);
  const scaling = scaler
    ? { offset: floatSlots(bytes, 'offset', count), scale: floatSlots(bytes, 'scale', count) }
    : undefined;
  return {
    bytes,
    write(view, rng) {
      if (scaling !== undefined) {
        writeFloats(view, scaling.offset, (at) => middleOf(features[at] as Feature, rng));
        writeFloats(view, scaling.scale, (at) => 1 / spreadOf(features[at] as Feature));
      }
      const rows = weightRows(structure, rng);
      const flat = rows.flat();
      writeFloats(view, coefficients, (at) => flat[at] as number);
      writeFloats(view, intercepts, (at) => interceptOf(structure, rows[at] as readonly number[]));
    },
  };
}

function targetsOf({ classes, targets }: LinearStructure): number {
  return classes?.length ?? targets ?? 1;
}

/** One row a target, with weights that bring any feature's whole range to a few units of score. */
function weightRows(structure: LinearStructure, rng: Rng): number[][] {
  const { features, scaler, classes } = structure;
  const row = (): number[] =>
    features.map((feature) => rng.between(-1, 1) / (scaler ? 1 : spreadOf(feature)));
  if (classes?.length !== 2) return Array.from({ length: targetsOf(structure) }, row);
  // As scikit-learn's one row of a binary classifier becomes two.
  const positive = row();
  return [positive.map((weight) => -weight), positive];
}

/** Centres the scores of values that no Scaler has centred. */
function interceptOf({ features, scaler }: LinearStructure, row: readonly number[]): number {
  if (scaler) return (row[0] as number) / 2;
  return -features.reduce((sum, { low, high }, at) => sum + ((low + high) / 2) * (row[at] as number), 0);
}

function middleOf({ low, high }: Feature, rng: Rng): number {
  return low + (high - low) * rng.between(0.35, 0.65);
}

/** The standard deviation of values spread evenly over the range. */
function spreadOf({ low, high }: Feature): number {
  return (high - low) / Math.sqrt(12);
}

function encode(structure: LinearStructure, targets: number): Buffer {
  const { features, scaler, classes } = structure;
  const count = features.length;
  const input = scaler ? 'variable' : 'X';
  const scaling = scaler
    ? [
        node(
          'Scaler',
          ['X'],
          ['variable'],
          [attribute.floats('offset', count), attribute.floats('scale', count)],
          'ai.onnx.ml',
        ),
      ]
    : [];
  const numbers = [
    attribute.floats('coefficients', targets * count),
    attribute.floats('intercepts', targets),
  ];
  const inputs = [tensorValue('X', ELEMENT.float, [null, count])];
  const opsets = [
    ['ai.onnx.ml', 1],
    ['', 9],
  ] as const;
  if (classes === undefined) {
    const attributes = targets === 1 ? numbers : [...numbers, attribute.int('targets', targets)];
    const regressor = node('LinearRegressor', [input], ['prediction'], attributes, 'ai.onnx.ml');
    const outputs = [tensorValue('prediction', ELEMENT.float, [null, targets])];
    return encodeModel('skl2onnx', opsets, { nodes: [...scaling, regressor], inputs, outputs });
  }
  const isText = typeof classes[0] === 'string';
  const classifier = node(
    'LinearClassifier',
    [input],
    ['label', 'scores'],
    [
      isText
        ? attribute.texts('classlabels_strings', classes as readonly string[])
        : attribute.ints('classlabels_ints', classes as readonly number[]),
      ...numbers,
      attribute.int('multi_class', targets === 2 ? 0 : 1),
      attribute.text('post_transform', targets === 2 ? 'LOGISTIC' : 'SOFTMAX'),
    ],
    'ai.onnx.ml',
  );
  const normalizer = node(
    'Normalizer',
    ['scores'],
    ['probabilities'],
    [attribute.text('norm', 'L1')],
    'ai.onnx.ml',
  );
  const tail = classifierTail(classes);
  const nodes = [...scaling, classifier, normalizer, ...tail.nodes];
  return encodeModel('skl2onnx', opsets, { nodes, inputs, outputs: tail.outputs });
}
