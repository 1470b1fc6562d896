import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { prepareArtifact } from '../../../../src/model/onnx/prepare.ts';
import {
  floats,
  type GraphInit,
  model,
  node,
  type TensorInit,
  value,
} from '../../../support/onnx-builder.ts';
import { refuses } from '../../../support/refuses.ts';

const x = value('x', 1, [null, 2]);
const y = value('y', 1, [null, 2]);

function graph(parts: GraphInit): Uint8Array {
  return model({ input: [x], output: [y], ...parts });
}

function withInitializer(tensor: TensorInit): Uint8Array {
  return graph({ node: [node('Add', ['x', 'w'], ['y'])], initializer: [{ ...tensor, name: 'w' }] });
}

describe('sizes declared against sizes present', () => {
  const wrong: Record<string, TensorInit> = {
    'too few values': floats('w', [3], [1]),
    'too many values': floats('w', [1], [1, 2]),
    'too few raw bytes': { dims: [2n], dataType: 1, rawData: new Uint8Array(7) },
    'a product beyond 2^64': { dims: [2n ** 33n, 2n ** 33n], dataType: 1, rawData: new Uint8Array(4) },
    'a product that wraps to 1': { dims: [2n ** 62n, 4n, 4n], dataType: 2, rawData: new Uint8Array(1) },
    'packed int4 whose dimensions blow up': {
      dims: [2n ** 62n, 3n],
      dataType: 22,
      rawData: new Uint8Array(8),
    },
    'no values at all': { dims: [1n], dataType: 1 },
    'values of another type': { dims: [1n], dataType: 1, int64Data: [1n] },
    'values twice': { ...floats('w', [1], [1]), rawData: new Uint8Array(4) },
    'a negative dimension': { ...floats('w', [1], [1]), dims: [-1n] },
    'strings as raw bytes': { dims: [1n], dataType: 8, rawData: new Uint8Array(4) },
  };
  for (const [what, tensor] of Object.entries(wrong)) {
    refuses(what, withInitializer(tensor), 'INVALID_ARTIFACT', /initializer "w"/);
  }
  refuses(
    'in an attribute',
    graph({
      node: [
        node('Constant', [], ['w'], {
          value: { tensor: { dims: [9n], dataType: 1, rawData: new Uint8Array(4) } },
        }),
        node('Add', ['x', 'w'], ['y']),
      ],
    }),
    'INVALID_ARTIFACT',
    /attribute "value"/,
  );
  refuses(
    'a sparse tensor that grows beyond reason',
    graph({
      node: [node('Add', ['x', 'w'], ['y'])],
      sparseInitializer: [
        {
          values: floats('w', [1], [1]),
          indices: { dims: [1n], dataType: 7, int64Data: [0n] },
          dims: [2n ** 40n],
        },
      ],
    }),
    'INVALID_ARTIFACT',
    /once dense/,
  );
  test('what fits is taken: empty, scalar, packed int4, typed float16', () => {
    for (const tensor of [
      { dims: [0n, 5n], dataType: 1 },
      { dims: [], dataType: 1, floatData: [1] },
      { dims: [3n], dataType: 22, rawData: new Uint8Array(2) },
      { dims: [3n], dataType: 22, int32Data: [1, 2] },
      { dims: [2n], dataType: 10, int32Data: [1, 2] },
    ]) {
      assert.doesNotThrow(() => prepareArtifact(withInitializer(tensor)));
    }
  });
});
