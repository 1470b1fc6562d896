import { attribute, ELEMENT, mapsValue, node, type NodeInit, tensorValue, type ValueInit } from './onnx.ts';

export type Labels = readonly number[] | readonly string[];

export interface ClassifierTail {
  readonly nodes: readonly NodeInit[];
  readonly outputs: readonly ValueInit[];
}

/** As skl2onnx ends a classifier: integer labels go through a Cast, probabilities through a ZipMap. */
export function classifierTail(labels: Labels): ClassifierTail {
  const isText = typeof labels[0] === 'string';
  const labelType = isText ? ELEMENT.string : ELEMENT.int64;
  const toLabel = isText
    ? node('Identity', ['label'], ['output_label'])
    : node('Cast', ['label'], ['output_label'], [attribute.int('to', labelType)]);
  const classes = isText
    ? attribute.texts('classlabels_strings', labels as readonly string[])
    : attribute.ints('classlabels_int64s', labels as readonly number[]);
  return {
    nodes: [toLabel, node('ZipMap', ['probabilities'], ['output_probability'], [classes], 'ai.onnx.ml')],
    outputs: [tensorValue('output_label', labelType, [null]), mapsValue('output_probability', labelType)],
  };
}
