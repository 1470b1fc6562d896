import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prepareArtifact } from '../../../../src/model/onnx/prepare.ts';
import { compilePlan } from '../../../../src/model/plan/compile.ts';
import { planExecutor } from '../../../../src/runtime/plan/plan-executor.ts';
import { node } from '../../../support/onnx-builder.ts';
import { assertNear, assertSameAnswers } from '../../../support/plan-check.ts';
import { rowModel } from '../../../support/plan-graph.ts';

test('integers beyond 2^53 become the floats that are next to them, as in a session', async () => {
  const artifact = rowModel({
    inputs: [['x', 'int64', [1]]],
    outputs: [['y', 'float', [1]]],
    nodes: [node('Cast', ['x'], ['y'], { to: 1n })],
  });
  const half = 2n ** 60n + 2n ** 36n;
  const longs = [
    half,
    half + 1n,
    half - 1n,
    -half - 1n,
    -half + 1n,
    2n ** 53n + 1n,
    -(2n ** 63n),
    2n ** 63n - 1n,
    7n,
  ];
  const data = new Uint8Array(BigInt64Array.from(longs).buffer);
  const input = { name: 'x', datatype: 'INT64', shape: [longs.length, 1], data } as const;
  await assertSameAnswers(artifact, [input]);
  const compiled = compilePlan(prepareArtifact(artifact));
  assert.ok('plan' in compiled);
  const answer = await planExecutor(compiled.structure, compiled.plan).run([input], 0);
  const floats = Float32Array.of(
    2 ** 60,
    2 ** 60 + 2 ** 37,
    2 ** 60,
    -(2 ** 60) - 2 ** 37,
    -(2 ** 60),
    2 ** 53,
    -(2 ** 63),
    2 ** 63,
    7,
  );
  assertNear(
    answer,
    [{ name: 'y', datatype: 'FP32', shape: [longs.length, 1], data: new Uint8Array(floats.buffer) }],
    0,
  );
});

test('bytes of BOOL other than 0 and 1 are refused', async () => {
  const compiled = compilePlan(
    prepareArtifact(
      rowModel({
        inputs: [['x', 'bool', [2]]],
        outputs: [['y', 'bool', [2]]],
        nodes: [node('Not', ['x'], ['y'])],
      }),
    ),
  );
  assert.ok('plan' in compiled);
  const executor = planExecutor(compiled.structure, compiled.plan);
  const input = { name: 'x', datatype: 'BOOL', shape: [1, 2], data: Uint8Array.of(1, 2) } as const;
  await assert.rejects(executor.run([input], 0), { code: 'INVALID_INPUT', message: /element 1 is 2/ });
});
