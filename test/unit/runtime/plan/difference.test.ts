import assert from 'node:assert/strict';
import { it } from 'node:test';
import { elementBytes, type Elements } from '../../../../src/model/elements.ts';
import type { Datatype, NamedTensor } from '../../../../src/model/signature.ts';
import { findDifference, scoresOf } from '../../../../src/runtime/plan/difference.ts';

function tensor(datatype: Datatype, shape: readonly number[], elements: Elements): NamedTensor {
  return { name: 'y', datatype, shape, data: elementBytes(elements) };
}

const floats = (shape: readonly number[], values: readonly number[]) =>
  tensor('FP32', shape, Float32Array.from(values));

it('equal answers have none: NaN is NaN, both zeros are zero', () => {
  const values = [Number.NaN, Infinity, -Infinity, 0, 1.5, -2];
  assert.equal(findDifference([floats([3, 2], values)], [floats([3, 2], values)]), undefined);
  assert.equal(findDifference([floats([1], [0])], [floats([1], [-0])]), undefined);
});

it('names the place, what came and what was expected', () => {
  const [got, expected] = [floats([2, 2], [1, 2, 3, 4.5]), floats([2, 2], [1, 2, 3, 4])];
  assert.equal(findDifference([got], [expected]), 'y[1][1]: got 4.5, expected 4');
  const texts = [tensor('BYTES', [2], ['a', 'b']), tensor('BYTES', [2], ['a', 'c'])] as const;
  assert.equal(findDifference([texts[0]], [texts[1]]), 'y[1][0]: got "b", expected "c"');
  const labels = [
    tensor('INT64', [1], BigInt64Array.of(7n)),
    tensor('INT64', [1], BigInt64Array.of(8n)),
  ] as const;
  assert.equal(findDifference([labels[0]], [labels[1]]), 'y[0][0]: got 7, expected 8');
});

it('shapes, datatypes, names and the number of outputs are part of the answer', () => {
  const one = floats([2, 1], [1, 2]);
  for (const other of [
    floats([1, 2], [1, 2]),
    tensor('FP64', [2, 1], Float64Array.of(1, 2)),
    { ...one, name: 'z' },
  ])
    assert.match(findDifference([one], [other]) ?? '', /^an output: got y FP32 \[2,1\], expected /);
  assert.equal(findDifference([one], [one, one]), 'the outputs: got 1, expected 2');
});

it('floats may differ by a hundred-thousandth of the larger, or of what is usual in their column', () => {
  const expected = floats([4, 1], [100, 200, 300, 1e-4]);
  assert.equal(findDifference([floats([4, 1], [100.0005, 200, 300, 1e-4])], [expected]), undefined);
  assert.equal(findDifference([floats([4, 1], [100, 200, 300, 1e-3])], [expected]), undefined);
  assert.match(findDifference([floats([4, 1], [100.01, 200, 300, 1e-4])], [expected]) ?? '', /^y\[0\]\[0\]/);
  assert.match(findDifference([floats([4, 1], [100, 200, 300, 0.01])], [expected]) ?? '', /^y\[3\]\[0\]/);
  for (const [a, b] of [
    [Infinity, 1],
    [1, Infinity],
    [Infinity, -Infinity],
    [Number.NaN, 1],
    [1, Number.NaN],
  ] as const)
    assert.notEqual(findDifference([floats([1], [a])], [floats([1], [b])]), undefined, `${a} for ${b}`);
});

it('scores of classes are measured by their row, and only those', () => {
  const [got, expected] = [floats([1, 2], [0.999, 1.2e-6]), floats([1, 2], [0.999, 1e-6])];
  const outputs = [{ name: 'y', datatype: 'FP32', shape: [-1, 2], classLabels: ['a', 'b'] }] as const;
  const scores = scoresOf({ inputs: [], outputs });
  assert.equal(findDifference([got], [expected], { scores }), undefined);
  assert.match(findDifference([got], [expected]) ?? '', /^y\[0\]\[1\]/);
});
