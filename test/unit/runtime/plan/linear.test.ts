import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { assertSameAnswers } from '../../../support/plan-check.ts';

test('a linear regression answers as its session does', async () => {
  const artifact = readFileSync(
    new URL('../../../fixtures/models/stock-quantile/model.onnx', import.meta.url),
  );
  const data = new Uint8Array(Float32Array.of(1, 2, 3, -4, 5.5, 1e6).buffer);
  await assertSameAnswers(artifact, [{ name: 'X', datatype: 'FP32', shape: [2, 3], data }]);
});
