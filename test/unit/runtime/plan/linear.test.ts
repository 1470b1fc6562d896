import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { mulberry32 } from '../../../../src/manager/generated-inputs.ts';
import { compilePlan } from '../../../../src/model/plan/compile.ts';
import { prepareArtifact } from '../../../../src/model/onnx/prepare.ts';
import { loadOnnxSession } from '../../../../src/runtime/onnx-session.ts';
import { planExecutor } from '../../../../src/runtime/plan/plan-executor.ts';
import { assertSameAnswers } from '../../../support/plan-check.ts';
import { ELEMENT, model, node, value } from '../../../support/onnx-builder.ts';

function fixture(name: string): Uint8Array {
  return readFileSync(new URL(`../../../fixtures/models/${name}/model.onnx`, import.meta.url));
}

/** Rows around zero, some of them far out. */
function rows(count: number, columns: number, seed: number): Float32Array {
  const random = mulberry32(seed);
  return Float32Array.from(
    { length: count * columns },
    () => (random() - 0.5) * 10 ** Math.floor(random() * 5),
  );
}

const FIXTURES = [
  ['stock-quantile', 3],
  ['churn-logreg', 8],
  ['priority-ridge', 5],
  ['quality-linearsvc', 10],
  ['defect-svc', 6],
] as const;

for (const [name, columns] of FIXTURES) {
  test(`${name} answers as its session does`, async () => {
    const data = new Uint8Array(rows(200, columns, 1).buffer);
    await assertSameAnswers(fixture(name), [{ name: 'X', datatype: 'FP32', shape: [200, columns], data }]);
  });
}

test('products of matrices have the bits that they have in ONNX Runtime', async () => {
  for (const [columns, targets] of [
    [1, 1],
    [20, 2],
    [33, 5],
    [300, 3],
  ] as const) {
    const artifact = model({
      node: [
        node(
          'LinearRegressor',
          ['X'],
          ['Y'],
          {
            coefficients: [...rows(targets, columns, 2)],
            intercepts: [...rows(1, targets, 3)],
            targets: BigInt(targets),
          },
          'ai.onnx.ml',
        ),
      ],
      input: [value('X', ELEMENT.float, ['N', columns])],
      output: [value('Y', ELEMENT.float, ['N', targets])],
    });
    const inputs = [
      {
        name: 'X',
        datatype: 'FP32' as const,
        shape: [64, columns],
        data: new Uint8Array(rows(64, columns, 4).buffer),
      },
    ];
    const prepared = prepareArtifact(artifact);
    const compiled = compilePlan(prepared);
    assert.ok('plan' in compiled);
    const session = await loadOnnxSession(prepared.bytes);
    const [expected] = await session.run(inputs, 0);
    await session.release();
    const [actual] = await planExecutor(compiled.structure, compiled.plan).run(inputs, 0);
    assert.deepEqual(actual?.data, expected?.data);
  }
});
