import assert from 'node:assert/strict';
import { test } from 'node:test';
import { encodeInstances } from '../../../src/model/instances.ts';
import { type JsonValue, parseJson } from '../../../src/model/json.ts';
import { prepareArtifact } from '../../../src/model/onnx/prepare.ts';
import { predictionsJson } from '../../../src/model/predictions.ts';
import { type ServingSpec, servingSpec } from '../../../src/model/serving-spec.ts';
import {
  arrayInstanceOf,
  compareRow,
  compareTensor,
  instanceOf,
  loadArtifact,
  loadCase,
  type ModelCase,
  MODEL_NAMES,
} from '../../support/cases.ts';
import { openSession, runTensors } from '../../support/onnx-run.ts';

for (const name of MODEL_NAMES) {
  test(`${name}: prepared, loaded and run, it answers as its library did`, async () => {
    const modelCase = loadCase(name);
    const artifact = loadArtifact(name);
    const prepared = prepareArtifact(artifact);
    const spec = servingSpec(prepared, {});
    const hasZipMap = modelCase.outputs.some(({ type }) => type.startsWith('seq('));
    assert.equal(prepared.bytes === artifact, !hasZipMap, 'only a ZipMap needs other bytes');
    const session = await openSession(prepared.bytes);
    try {
      const step = modelCase.batch ?? modelCase.rows;
      for (let start = 0; start < modelCase.rows; start += step) {
        await checkRows(spec, modelCase, session, start, step);
      }
    } finally {
      await session.release();
    }
  });
}

async function checkRows(
  spec: ServingSpec,
  modelCase: ModelCase,
  session: Awaited<ReturnType<typeof openSession>>,
  start: number,
  count: number,
): Promise<void> {
  const numbers = Array.from({ length: count }, (_, index) => start + index);
  const objects = numbers.map((row) => instanceOf(modelCase, row));
  const arrays = numbers.map((row) => arrayInstanceOf(modelCase, row));
  const encoded = encodeInstances(spec, objects, { instances: 4096 });
  assert.deepEqual(encodeInstances(spec, arrays, { instances: 4096 }), encoded);
  assert.equal(encoded.rows, count);
  assert.equal(encoded.partRows, modelCase.batch ?? 0);
  const outputs = await runTensors(session, encoded.tensors);
  for (const output of outputs) {
    const { classLabels } = spec.signature.outputs.find(({ name }) => name === output.name) ?? {};
    const expected = (modelCase.expected[output.name] ?? []).slice(start, start + count);
    assert.equal(compareTensor(expected, output, modelCase.tolerance, classLabels), undefined);
  }
  const text = predictionsJson(spec, outputs, count);
  const predictions = parseJson(Buffer.from(text), { depth: 32 }) as { [key: string]: JsonValue }[];
  assert.equal(predictions.length, count);
  predictions.forEach((prediction, index) => {
    for (const output of outputs) {
      const isReplaced = output.name === 'probabilities' && spec.classifier !== undefined;
      if (isReplaced) continue;
      const expected = (modelCase.expected[output.name] as JsonValue[])[start + index] as JsonValue;
      const bare = Array.isArray(expected) && expected.length === 1 ? (expected[0] as JsonValue) : expected;
      assert.equal(compareRow(bare, prediction[output.name], modelCase.tolerance, output.name), undefined);
    }
    if (spec.classifier === undefined) return;
    assert.equal(prediction.label, (modelCase.expected[spec.classifier.label] as JsonValue[])[start + index]);
    const scores = prediction.probabilities as { [key: string]: JsonValue };
    const { classLabels } =
      spec.signature.outputs.find((output) => output.name === spec.classifier?.probabilities) ?? {};
    assert.deepEqual(new Set(Object.keys(scores)), new Set(classLabels?.map(String)));
  });
}

test('the classifiers among the fixtures are known as such', () => {
  const found = MODEL_NAMES.filter((name) => prepareArtifact(loadArtifact(name)).classifier !== undefined);
  assert.deepEqual(found, [
    'approve-tree',
    'churn-lightgbm',
    'churn-logreg',
    'click-xgboost',
    'conversion-catboost',
    'defect-svc',
    'digits-mlp',
    'fraud-forest',
    'hiring-voting',
    'lead-score-sgd',
    'loan-columns-logreg',
    'priority-ridge',
    'renewal-calibrated',
    'risk-histgbt',
    'sensor-pca-logreg',
    'species-gaussian-nb',
    'ticket-routing-tfidf',
    'upsell-gbt',
  ]);
});

test("a label that LightGBM's converter declared [1] has as many rows as its input", () => {
  const { signature } = prepareArtifact(loadArtifact('churn-lightgbm'));
  assert.deepEqual(signature.outputs[0], { name: 'label', datatype: 'INT64', shape: [-1] });
});
