import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { comparePredictions } from '../../../src/model/golden.ts';
import { type JsonValue, parseJson } from '../../../src/model/json.ts';
import { predictionsJson } from '../../../src/model/predictions.ts';
import type { ServingSpec } from '../../../src/model/serving-spec.ts';
import type { Datatype, NamedTensor, OutputSpec } from '../../../src/model/signature.ts';
import { encodeTensor } from '../../../src/model/tensor-json.ts';

function tensor(name: string, datatype: Datatype, shape: number[], values: JsonValue): NamedTensor {
  return { name, datatype, shape, data: encodeTensor(datatype, shape, values, '') };
}

function spec(
  outputs: (Partial<OutputSpec> & { name: string })[],
  classifier?: ServingSpec['classifier'],
): ServingSpec {
  const filled = outputs.map((output): OutputSpec => ({ datatype: 'FP32', shape: [-1], ...output }));
  return { signature: { inputs: [], outputs: filled }, ...(classifier === undefined ? {} : { classifier }) };
}

function predictions(served: ServingSpec, outputs: NamedTensor[], rows: number): JsonValue {
  const text = predictionsJson(served, outputs, rows);
  const names = text.match(/"[a-z]+":/g) ?? [];
  assert.equal(names.length % rows, 0);
  return parseJson(Buffer.from(text), { depth: 32 });
}

describe('predictions', () => {
  test('[N] and [N, 1] are bare, others nested', () => {
    const outputs = [
      tensor('a', 'FP32', [2], [1.5, 2]),
      tensor('b', 'INT64', [2, 1], [9007199254740993n, -1]),
      tensor(
        'c',
        'BOOL',
        [2, 2],
        [
          [true, false],
          [false, true],
        ],
      ),
      tensor('d', 'BYTES', [2, 1, 2], [[['x', 'y"']], [['z', '']]]),
      tensor('e', 'FP64', [2, 0], [[], []]),
    ];
    assert.deepEqual(predictions(spec(outputs), outputs, 2), [
      { a: 1.5, b: 9007199254740993n, c: [true, false], d: [['x', 'y"']], e: [] },
      { a: 2, b: -1, c: [false, true], d: [['z', '']], e: [] },
    ]);
  });
  test('what has no row dimension is given whole with every row', () => {
    const outputs = [
      tensor('a', 'FP32', [2], [1, 2]),
      tensor('s', 'INT64', [], 7),
      tensor('w', 'FP32', [3], [1, 2, 3]),
    ];
    assert.deepEqual(predictions(spec(outputs), outputs, 2), [
      { a: 1, s: 7, w: [1, 2, 3] },
      { a: 2, s: 7, w: [1, 2, 3] },
    ]);
  });
  test('what JSON lacks is a word', () => {
    const outputs = [tensor('a', 'FP32', [3], ['NaN', 'Infinity', '-Infinity'])];
    assert.deepEqual(predictions(spec(outputs), outputs, 3), [
      { a: 'NaN' },
      { a: 'Infinity' },
      { a: '-Infinity' },
    ]);
  });
  test('a ZipMap is an object by class, and a classifier has label and probabilities as well', () => {
    const outputs = [tensor('l', 'BYTES', [1], ['no']), tensor('p', 'FP32', [1, 2], [0.75, 0.25])];
    const specs = [{ name: 'l' }, { name: 'p', classLabels: ['no', 'yes'], zipMap: true as const }];
    const byClass = { no: 0.75, yes: 0.25 };
    assert.deepEqual(predictions(spec(specs), outputs, 1), [{ l: 'no', p: byClass }]);
    assert.deepEqual(predictions(spec(specs, { label: 'l', probabilities: 'p' }), outputs, 1), [
      { l: 'no', p: byClass, label: 'no', probabilities: byClass },
    ]);
  });
  test('ONNX outputs called label and probabilities give way, no name stands twice', () => {
    const outputs = [
      tensor('probabilities', 'FP32', [1, 2], [0.75, 0.25]),
      tensor('label', 'INT64', [1], [0]),
    ];
    const specs = [{ name: 'probabilities', classLabels: [0, 1] }, { name: 'label' }];
    const served = spec(specs, { label: 'label', probabilities: 'probabilities' });
    const text = predictionsJson(served, outputs, 1);
    assert.equal(text, '[{"probabilities":{"0":0.75,"1":0.25},"label":0}]');
    assert.deepEqual(predictions(spec(specs), outputs, 1), [{ probabilities: [0.75, 0.25], label: 0 }]);
  });
  test('scores that are not one a class are an error of the model', () => {
    const outputs = [tensor('p', 'FP32', [1, 3], [1, 2, 3])];
    const served = spec([{ name: 'p', classLabels: ['a', 'b'], zipMap: true }]);
    assert.throws(() => predictionsJson(served, outputs, 1), { code: 'MODEL_FAILED', message: /output p/ });
  });
});

describe('golden rows', () => {
  const same = (expected: JsonValue[], actual: JsonValue[], tolerance = {}): boolean =>
    comparePredictions(expected, actual, tolerance) === undefined;
  test('compare what the expectation names, within tolerance', () => {
    assert.ok(same([{ a: 1 }], [{ a: 1.0005, b: 2 }]));
    assert.ok(!same([{ a: 1 }], [{ a: 1.0005 }], { abs: 0, rel: 0 }));
    assert.ok(same([{ a: null }, { a: 'NaN' }], [{ a: 'NaN' }, { a: 'NaN' }]));
    assert.ok(
      same(
        [{ a: 'Infinity', s: 'x', i: 9007199254740993n }],
        [{ a: 'Infinity', s: 'x', i: 9007199254740993n }],
      ),
    );
    assert.ok(!same([{ a: 'Infinity' }], [{ a: '-Infinity' }]));
    assert.ok(!same([{ i: 9007199254740993n }], [{ i: 9007199254740995n }]));
    assert.ok(!same([{ a: true }], [{ a: 1 }]));
  });
  test('tell the first difference and where it is', () => {
    const difference = comparePredictions(
      [{ p: { yes: 0.5 } }, { p: { yes: 0.5 } }],
      [{ p: { yes: 0.5 } }, { p: { yes: 0.9 } }],
    );
    assert.equal(difference?.path, '/1/p/yes');
    assert.match(difference?.message ?? '', /expected 0.5, got 0.9/);
    assert.equal(comparePredictions([{ q: 1 }], [{ p: 1 }])?.path, '/0/q');
    assert.equal(comparePredictions([[1, 2]], [[1]])?.path, '/0');
    assert.equal(comparePredictions([1, 2], [1])?.path, '');
    assert.equal(comparePredictions([{ toString: 1 }], [{}])?.path, '/0/toString');
  });
});

test('an answer stays within answerBytes: refused before its text is made, or while it grows', () => {
  const whole = tensor(
    'w',
    'FP32',
    [5],
    Array.from({ length: 5 }, () => 0.5),
  );
  const limits = { answerBytes: 100 };
  const served = spec([{ name: 'w' }, { name: 'r', shape: [-1, 40] }]);
  assert.ok(predictionsJson(served, [whole], 3, limits).length <= 100);
  const refused = (outputs: NamedTensor[], rows: number, message: RegExp): void =>
    assert.throws(() => predictionsJson(served, outputs, rows, limits), { code: 'TOO_LARGE', message });
  refused(
    [whole],
    4,
    /output "w" \(5 elements, with each of 4 rows\).*longer than 100 bytes \(limit answerBytes\)/,
  );
  // Its text would be 80 GB: far beyond what a string can hold.
  const zeros = {
    name: 'w',
    datatype: 'UINT8' as const,
    shape: [10_000_000],
    data: new Uint8Array(10_000_000),
  };
  refused([zeros], 4_000, /10000000 elements, with each of 4000 rows/);
  const long = Array.from({ length: 40 }, () => 0.123456);
  refused([tensor('r', 'FP32', [1, 40], long)], 1, /output "r" \(40 elements\)/);
});
