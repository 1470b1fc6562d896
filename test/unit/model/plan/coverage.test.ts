import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prepareArtifact } from '../../../../src/model/onnx/prepare.ts';
import { compilePlan } from '../../../../src/model/plan/compile.ts';
import type { NamedTensor } from '../../../../src/model/signature.ts';
import { feedsOf, loadArtifact, loadCase, MODEL_NAMES } from '../../../support/cases.ts';
import { assertSameAnswers } from '../../../support/plan-check.ts';

/** Those that stay with ONNX Runtime. */
const LEFT: ReadonlySet<string> = new Set([
  'demand-gp',
  'intent-torch-int8',
  'load-torch-gru',
  'segment-knn',
  'ticket-routing-tfidf',
]);

/** As many as the model takes. */
function firstRows(inputs: readonly NamedTensor[], rows: number | undefined): readonly NamedTensor[] {
  if (rows === undefined) return inputs;
  return inputs.map((input) => {
    const [all = 1, ...dims] = input.shape;
    return { ...input, shape: [rows, ...dims], data: input.data.slice(0, (input.data.length / all) * rows) };
  });
}

for (const name of MODEL_NAMES) {
  if (LEFT.has(name)) {
    test(`${name} has no plan`, () => {
      assert.ok('reason' in compilePlan(prepareArtifact(loadArtifact(name))));
    });
    continue;
  }
  test(`${name} answers its case as its session does, and compiles to the same bytes again`, async () => {
    const artifact = loadArtifact(name);
    const modelCase = loadCase(name);
    await assertSameAnswers(artifact, firstRows(feedsOf(modelCase), modelCase.batch));
    const digests = [artifact, artifact].map((bytes) => {
      const compiled = compilePlan(prepareArtifact(bytes));
      return 'plan' in compiled ? compiled.plan.digest : compiled.reason;
    });
    assert.equal(digests[0], digests[1]);
  });
}
