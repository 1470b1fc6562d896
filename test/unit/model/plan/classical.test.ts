import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prepareArtifact } from '../../../../src/model/onnx/prepare.ts';
import { type Compiled, compilePlan } from '../../../../src/model/plan/compile.ts';
import { ELEMENT, int64s, model, node, type NodeInit, value } from '../../../support/onnx-builder.ts';

const ML = 'ai.onnx.ml';

function compiled(
  nodes: NodeInit[],
  elements: number = ELEMENT.float,
  width = 2,
  type: number = ELEMENT.float,
): Compiled {
  return compilePlan(
    prepareArtifact(
      model({
        node: nodes,
        input: [value('X', elements, ['N', width])],
        output: [value('Y', type, ['N', null])],
        initializer: [int64s('indices', [2], [1n, 0n])],
      }),
    ),
  );
}

type Attributes = Parameters<typeof node>[3];

const linear = (attributes: Attributes): NodeInit =>
  node('LinearClassifier', ['X'], ['label', 'Y'], attributes, ML);
const svm = (attributes: Attributes): NodeInit =>
  node(
    'SVMClassifier',
    ['X'],
    ['label', 'Y'],
    {
      kernel_type: 'RBF',
      kernel_params: [1, 0, 3],
      support_vectors: [1, 2, 3, 4],
      coefficients: [1, 1],
      vectors_per_class: [1n, 1n],
      rho: [0],
      classlabels_ints: [0n, 1n],
      ...attributes,
    },
    ML,
  );

test('plans of one structure differ in their numbers only', () => {
  const plan = (scale: number): Compiled =>
    compiled([node('Scaler', ['X'], ['Y'], { offset: [0, scale], scale: [scale, 1] }, ML)]);
  const [one, two] = [plan(1), plan(2)];
  assert.ok('plan' in one && 'plan' in two);
  assert.equal(one.plan.structureDigest, two.plan.structureDigest);
  assert.notEqual(one.plan.digest, two.plan.digest);
  assert.deepEqual(plan(1), one);
});

test('support vector machines of different numbers of vectors share a structure', () => {
  const one = compiled([svm({})]);
  const two = compiled([
    svm({ support_vectors: [1, 2, 3, 4, 5, 6], coefficients: [1, 1, 1], vectors_per_class: [2n, 1n] }),
  ]);
  assert.ok('plan' in one && 'plan' in two);
  assert.equal(one.plan.structureDigest, two.plan.structureDigest);
});

test('sizes that do not fit stay with ONNX Runtime, said in words', () => {
  const classes = { intercepts: [0, 0], classlabels_ints: [0n, 1n] };
  const refused: readonly (readonly [NodeInit, RegExp])[] = [
    [linear({ ...classes, coefficients: [1, 2, 3] }), /^it has 3 coefficients for 2 columns/],
    [linear({ ...classes, coefficients: [1, 2, 3, 4], classlabels_ints: [0n] }), /^it has 1 labels for 2/],
    [linear({ ...classes, coefficients: [1, 2, 3, 4], post_transform: 'HALF' }), /post_transform HALF/],
    [linear({ ...classes, coefficients: [1, 2, 3, 4], classlabels_ints: [0n, 2n ** 60n] }), /beyond 2\^53/],
    [svm({ vectors_per_class: [1n, 2n] }), /4 numbers of support_vectors, expected 6/],
    [svm({ vectors_per_class: [-1n, 3n] }), /numbers of vectors/],
    [svm({ coefficients: [1] }), /1 numbers of coefficients, expected 2/],
    [svm({ rho: [] }), /0 numbers of rho, expected 1/],
    [svm({ prob_a: [1], prob_b: [1, 2] }), /2 numbers of prob_b, expected 1/],
    [svm({ kernel_params: [1] }), /kernel RBF of 1 numbers/],
    [node('Scaler', ['X'], ['Y'], { offset: [0], scale: [1, 2, 3] }, ML), /3 numbers of scale/],
    [node('Normalizer', ['X'], ['Y'], { norm: 'L3' }, ML), /norm L3/],
    [node('Imputer', ['X'], ['Y'], { imputed_value_int64s: [1n] }, ML), /imputes no FP32/],
    [
      node('FeatureVectorizer', ['X'], ['Y'], { inputdimensions: [2n ** 40n] }, ML),
      /inputdimensions of 1099511627776/,
    ],
    [node('FeatureVectorizer', ['X'], ['Y'], { inputdimensions: [1n, 1n] }, ML), /2 inputdimensions for 1/],
    [node('OneHotEncoder', ['X'], ['Y'], { cats_strings: ['a'] }, ML), /no categories for FP32/],
    [
      node('LabelEncoder', ['X'], ['Y'], { keys_floats: [1, 2], values_floats: [1] }, ML),
      /1 values for 2 keys/,
    ],
    [node('ArrayFeatureExtractor', ['indices', 'X'], ['Y'], {}, ML), /rows of a constant/],
  ];
  for (const [refusedNode, why] of refused) {
    const result = compiled([refusedNode]);
    assert.ok('reason' in result, refusedNode.opType);
    assert.match(result.reason, why);
  }
});

test('columns that are taken keep where they come from, so that what is behind them is tried', () => {
  const result = compiled([
    node('ArrayFeatureExtractor', ['X', 'indices'], ['a'], {}, ML),
    node('FeatureVectorizer', ['a', 'X'], ['b'], { inputdimensions: [1n, 2n] }, ML),
    node('Binarizer', ['b'], ['Y'], { threshold: 0.5 }, ML),
  ]);
  assert.ok('plan' in result);
  assert.deepEqual(
    result.probes.map(({ input, column, values }) => [input, column, ...values]),
    [
      [0, 1, 0.5],
      [0, 0, 0.5],
      [0, 1, 0.5],
    ],
  );
});

test('categories are tried, and what is near them', () => {
  const result = compiled(
    [node('OneHotEncoder', ['X'], ['Y'], { cats_strings: ['North', 'a'] }, ML)],
    ELEMENT.string,
    1,
  );
  assert.ok('plan' in result);
  assert.deepEqual(result.probes[0]?.values, ['', 'North', 'a', 'North ', 'NORTH', 'a ', 'A']);
});
