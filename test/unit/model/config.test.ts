import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { checkConfig } from '../../../src/model/config.ts';
import { servingSpec } from '../../../src/model/serving-spec.ts';
import type { Signature } from '../../../src/model/signature.ts';

const matrix: Signature = {
  inputs: [{ name: 'X', datatype: 'FP32', shape: [-1, 2] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1] }],
};
const columns: Signature = {
  inputs: [
    { name: 'age', datatype: 'INT64', shape: [-1, 1] },
    { name: 'region', datatype: 'BYTES', shape: [-1, 1] },
  ],
  outputs: matrix.outputs,
};
const classifier = { label: 'l', probabilities: 'p' };

describe('a config', () => {
  test('is taken as it is', () => {
    const config = {
      features: ['a', 'b'],
      defaults: { a: 1 },
      classifier: false,
      golden: { instances: [[1, 2]], predictions: [{ y: 1 }], tolerance: { abs: 0.1 } },
    };
    assert.deepEqual(checkConfig(config), config);
    assert.deepEqual(checkConfig({}), {});
  });
  test('is refused with the place and what is known there', () => {
    const wrong: [unknown, RegExp][] = [
      [null, /config/],
      [[], /config/],
      ['x', /config/],
      [{ feature: ['a'] }, /unknown key feature; known are features, defaults, classifier, golden/],
      [{ features: 'a' }, /config\/features/],
      [{ features: [1] }, /config\/features\/0/],
      [{ features: [''] }, /config\/features\/0/],
      [{ defaults: [] }, /config\/defaults/],
      [{ classifier: 'no' }, /config\/classifier/],
      [{ golden: {} }, /config\/golden/],
      [{ golden: { instances: [], predictions: [] } }, /config\/golden\/instances/],
      [{ golden: { instances: [1], predictions: [1], x: 1 } }, /unknown key x; known are instances/],
      [
        { golden: { instances: [1], predictions: [1], tolerance: { abs: -1 } } },
        /config\/golden\/tolerance\/abs/,
      ],
    ];
    for (const [config, message] of wrong) {
      assert.throws(() => checkConfig(config), { code: 'INVALID_CONFIG', message });
    }
  });
});

describe('a serving spec', () => {
  test('joins the prepared artifact and its config', () => {
    assert.deepEqual(
      servingSpec({ signature: matrix, classifier }, { features: ['a', 'b'], defaults: { b: 1 } }),
      {
        signature: matrix,
        classifier,
        features: ['a', 'b'],
        defaults: { b: 1 },
      },
    );
    assert.deepEqual(servingSpec({ signature: matrix, classifier }, { classifier: false }), {
      signature: matrix,
    });
    assert.deepEqual(servingSpec({ signature: columns }, { defaults: { region: 'north' } }).defaults, {
      region: 'north',
    });
  });
  test('refuses a config that does not fit the model', () => {
    const wrong: [Signature, Parameters<typeof servingSpec>[1], RegExp][] = [
      [matrix, { features: ['a'] }, /expected 2 names, as input X has columns, got 1/],
      [matrix, { features: ['a', 'a'] }, /config\/features\/1: "a" stands there twice/],
      [columns, { features: ['a', 'b'] }, /one input of shape \[N, k\]; its inputs are age \[-1, 1\]/],
      [
        matrix,
        { features: ['a', 'b'], defaults: { c: 1 } },
        /config\/defaults\/c: no such feature; known are a, b/,
      ],
      [matrix, { features: ['a', 'b'], defaults: { a: 'x' } }, /config\/defaults\/a: expected a number/],
      [columns, { defaults: { age: 1.5 } }, /config\/defaults\/age: expected an integer/],
      [
        matrix,
        { golden: { instances: [[1, 2]], predictions: [1, 2] } },
        /config\/golden\/predictions: expected 1/,
      ],
    ];
    for (const [signature, config, message] of wrong) {
      assert.throws(() => servingSpec({ signature }, config), { code: 'INVALID_CONFIG', message });
    }
  });
});
