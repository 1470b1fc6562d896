import assert from 'node:assert/strict';
import { it } from 'node:test';
import { generatedInputs } from '../../../src/manager/generated-inputs.ts';
import { DATATYPES, ELEMENT_BYTES } from '../../../src/model/signature.ts';

it('has every datatype in the declared shape, free dimensions being 1', () => {
  for (const fill of ['zeros', 'small numbers'] as const) {
    const inputs = DATATYPES.map((datatype) => ({ name: datatype, datatype, shape: [-1, 3] }));
    const tensors = generatedInputs({ inputs, outputs: [] }, fill);
    for (const [index, tensor] of (tensors ?? []).entries()) {
      assert.equal(tensor.name, inputs[index]?.name);
      assert.deepEqual(tensor.shape, [1, 3]);
      const textBytes = fill === 'zeros' ? 4 : 5;
      assert.equal(tensor.data.byteLength, 3 * (ELEMENT_BYTES[tensor.datatype] || textBytes));
      if (tensor.datatype === 'BOOL') assert.ok(tensor.data.every((byte) => byte <= 1));
    }
    assert.equal(tensors?.length, DATATYPES.length);
  }
});

it('gives up on shapes that are too large to try', () => {
  const inputs = [{ name: 'x', datatype: 'FP32' as const, shape: [-1, 2 ** 20, 2 ** 10] }];
  assert.equal(generatedInputs({ inputs, outputs: [] }, 'zeros'), undefined);
});
