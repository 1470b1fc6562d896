import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ShoalError } from '../../../../src/core/errors.ts';
import { mulberry32 } from '../../../../src/manager/generated-inputs.ts';
import { prepareArtifact } from '../../../../src/model/onnx/prepare.ts';
import { compilePlan } from '../../../../src/model/plan/compile.ts';
import type { NamedTensor } from '../../../../src/model/signature.ts';
import type { Executor } from '../../../../src/runtime/executor.ts';
import { loadOnnxSession } from '../../../../src/runtime/onnx-session.ts';
import { planExecutor } from '../../../../src/runtime/plan/plan-executor.ts';
import { assertNear, assertSameAnswers } from '../../../support/plan-check.ts';
import { randomClassicalGraph } from '../../../support/plan-fuzz-classical.ts';
import { ELEMENT, int64s, model, node, type NodeInit, value } from '../../../support/onnx-builder.ts';

const GRAPHS = 1_000;
const ML = 'ai.onnx.ml';

test('random pipelines of classical operators answer, and fail, as their sessions do', async () => {
  let answered = 0;
  let failed = 0;
  for (let seed = 0; seed < GRAPHS; seed++) {
    const { artifact, inputs } = randomClassicalGraph(mulberry32(seed));
    const prepared = prepareArtifact(artifact);
    const compiled = compilePlan(prepared);
    if ('reason' in compiled) {
      // An imputer may only hand integers on that doubles hold.
      assert.match(compiled.reason, /INT64 of any size/, `graph ${seed}`);
      continue;
    }
    const session = await loadOnnxSession(prepared.bytes);
    const expected = await outcome(session, inputs);
    await session.release();
    const actual = await outcome(planExecutor(compiled.structure, compiled.plan), inputs);
    if (typeof expected === 'string' || typeof actual === 'string') {
      assert.equal(actual, expected, `graph ${seed}`);
      failed++;
    } else {
      assertNear(actual, expected);
      answered++;
    }
  }
  assert.ok(answered > GRAPHS * 0.9 && failed > 0, `${answered} answered, ${failed} failed`);
});

/** Answers, or the code of the error. */
async function outcome(
  executor: Executor,
  inputs: readonly NamedTensor[],
): Promise<readonly NamedTensor[] | string> {
  try {
    return await executor.run(inputs, 0);
  } catch (error) {
    assert.ok(error instanceof ShoalError, String(error));
    return error.code;
  }
}

function floats(rows: readonly (readonly number[])[]): NamedTensor {
  const data = new Uint8Array(Float32Array.from(rows.flat()).buffer);
  return { name: 'X', datatype: 'FP32', shape: [rows.length, rows[0]?.length ?? 0], data };
}

function classifier(targets: number, transform: string): Uint8Array {
  const classes = Math.max(2, targets);
  const identity = Array.from({ length: targets * targets }, (_, at) => (at % (targets + 1) === 0 ? 1 : 0));
  const lines: NodeInit = node(
    'LinearClassifier',
    ['X'],
    ['label', 'scores'],
    {
      coefficients: identity,
      intercepts: Array.from({ length: targets }, () => 0),
      classlabels_strings: ['', 'b', 'Zürich', '北京', 'e', 'f'].slice(0, classes),
      post_transform: transform,
    },
    ML,
  );
  return model({
    node: [lines],
    input: [value('X', ELEMENT.float, ['N', targets])],
    output: [value('label', ELEMENT.string, ['N']), value('scores', ELEMENT.float, ['N', classes])],
  });
}

const SCORES = [-20, -18, -17.99, -1e-8, -0, 0, 1e-8, 0.2, 0.5, 0.7, 1, 9.1, 18.5, 1e30, -1e30];
const STRANGE = [Number.NaN, Infinity, -Infinity];

for (const transform of ['NONE', 'LOGISTIC', 'SOFTMAX', 'SOFTMAX_ZERO', 'PROBIT']) {
  test(`labels and scores of ${transform} are the session's, for ties, NaN and infinities too`, async () => {
    for (const targets of [1, 2, 3, 4, 6]) {
      if (targets === 1 && transform === 'PROBIT') continue;
      const rows = [...SCORES, ...STRANGE].map((score, row) =>
        Array.from({ length: targets }, (_, target) =>
          target === 0 ? score : (SCORES[(row + target) % 15] as number),
        ),
      );
      const ties = SCORES.map((score) => Array.from({ length: targets }, () => score));
      // Apart, as sizes are compared with a column's usual ones.
      for (const batch of [rows, ties])
        await assertSameAnswers(classifier(targets, transform), [floats(batch)]);
    }
  });
}

test('a category that is unknown fails where zeros are not wanted', async () => {
  const encoder = model({
    node: [node('OneHotEncoder', ['X'], ['Y'], { cats_int64s: [1n, 2n], zeros: 0n }, ML)],
    input: [value('X', ELEMENT.float, ['N', 1])],
    output: [value('Y', ELEMENT.float, ['N', 1, 2])],
  });
  await assertSameAnswers(encoder, [floats([[1], [2.9]])]);
  const compiled = compilePlan(prepareArtifact(encoder));
  assert.ok('plan' in compiled);
  for (const unknown of [0, 3, Number.NaN, Infinity])
    await assert.rejects(planExecutor(compiled.structure, compiled.plan).run([floats([[1], [unknown]])], 0), {
      code: 'MODEL_FAILED',
    });
});

test('an element of a constant that is not there fails', async () => {
  const picker = model({
    node: [
      node('ArrayFeatureExtractor', ['labels', 'X'], ['picked'], {}, ML),
      node('Reshape', ['picked', 'shape'], ['Y']),
    ],
    input: [value('X', ELEMENT.int64, ['N', 1])],
    output: [value('Y', ELEMENT.int64, ['N'])],
    initializer: [int64s('labels', [3], [7n, -8n, 9n]), int64s('shape', [1], [-1n])],
  });
  const rows = (...indices: bigint[]): NamedTensor => ({
    name: 'X',
    datatype: 'INT64',
    shape: [indices.length, 1],
    data: new Uint8Array(BigInt64Array.from(indices).buffer),
  });
  await assertSameAnswers(picker, [rows(2n, 0n, 1n)]);
  const compiled = compilePlan(prepareArtifact(picker));
  assert.ok('plan' in compiled);
  for (const index of [-1n, 3n, 2n ** 63n - 1n, -(2n ** 63n)])
    await assert.rejects(planExecutor(compiled.structure, compiled.plan).run([rows(0n, index)], 0), {
      code: 'MODEL_FAILED',
    });
});
