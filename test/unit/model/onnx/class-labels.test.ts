import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prepareArtifact } from '../../../../src/model/onnx/prepare.ts';
import { ELEMENT, type GraphInit, int64s, model, node, value } from '../../../support/onnx-builder.ts';

const ML = 'ai.onnx.ml';
const x = value('x', ELEMENT.float, [null, 3]);
const label = value('label', ELEMENT.string, [null]);
const scores = value('scores', ELEMENT.float, [null, 3]);
const classes = {
  name: 'classes',
  dims: [3n],
  dataType: ELEMENT.string,
  stringData: ['a', 'b', 'c'].map((text) => new TextEncoder().encode(text)),
};

function prepared(graph: GraphInit): ReturnType<typeof prepareArtifact> {
  return prepareArtifact(model({ input: [x], output: [label, scores], ...graph }));
}

function labelsOfScores(graph: GraphInit): unknown {
  return prepared(graph).signature.outputs.find(({ name }) => name === 'scores')?.classLabels;
}

const choose = (from: string): GraphInit['node'] => [
  node('ArgMax', [from], ['index'], { axis: 1n }),
  node('ArrayFeatureExtractor', ['classes', 'index'], ['row'], {}, ML),
  node('Reshape', ['row', 'flat'], ['label']),
];
const chosen = { initializer: [classes, int64s('flat', [1], [-1n])] };

test('classes chosen by ArgMax of the scores are the scores own', () => {
  const graph = { ...chosen, node: [node('Softmax', ['x'], ['scores']), ...(choose('scores') ?? [])] };
  assert.deepEqual(labelsOfScores(graph), ['a', 'b', 'c']);
  assert.deepEqual(prepared(graph).classifier, { label: 'label', probabilities: 'scores' });
});

test('classes chosen by other scores than those given are left open', () => {
  const graph = { ...chosen, node: [node('Neg', ['x'], ['scores']), ...(choose('x') ?? [])] };
  assert.equal(labelsOfScores(graph), undefined);
  assert.equal(prepared(graph).classifier, undefined);
});

const svc = (attributes: Parameters<typeof node>[3]): { node: NonNullable<GraphInit['node']> } => ({
  node: [
    node(
      'SVMClassifier',
      ['x'],
      ['label', 'raw'],
      { classlabels_strings: ['a', 'b', 'c'], ...attributes },
      ML,
    ),
    node('Cast', ['raw'], ['scores'], { to: 1n }),
  ],
});

test('a support vector classifier without probabilities scores pairs, not classes', () => {
  assert.equal(labelsOfScores(svc({ vectors_per_class: [1n, 1n, 1n] })), undefined);
  assert.deepEqual(labelsOfScores(svc({ vectors_per_class: [1n, 1n, 1n], prob_a: [1, 1, 1] })), [
    'a',
    'b',
    'c',
  ]);
});

test('columns that are not the classes have no labels', () => {
  const graph = svc({});
  assert.equal(
    labelsOfScores({ ...graph, output: [label, value('scores', ELEMENT.float, [null, 2])] }),
    undefined,
  );
});

test('an index of text classes is no label', () => {
  const graph = {
    ...chosen,
    node: [
      node('Softmax', ['x'], ['scores']),
      ...(choose('scores') ?? []),
      node('ArgMax', ['x'], ['best'], { axis: 1n, keepdims: 0n }),
    ],
  };
  const outputs = [value('best', ELEMENT.int64, [null]), scores, label];
  assert.deepEqual(prepared({ ...graph, output: outputs }).classifier, {
    label: 'label',
    probabilities: 'scores',
  });
});

test('two candidates are none', () => {
  const graph = {
    ...chosen,
    node: [
      node('Softmax', ['x'], ['scores']),
      ...(choose('scores') ?? []),
      node('Identity', ['label'], ['again']),
    ],
  };
  assert.equal(
    prepared({ ...graph, output: [label, scores, value('again', ELEMENT.string, [null])] }).classifier,
    undefined,
  );
});
