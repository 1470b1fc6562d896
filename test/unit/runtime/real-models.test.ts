import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prepareArtifact } from '../../../src/model/onnx/prepare.ts';
import { loadOnnxSession } from '../../../src/runtime/onnx-session.ts';
import { loadArtifact, loadCase, feedsOf, MODEL_NAMES, type ModelCase } from '../../support/cases.ts';
import { elementsOf, type JsonColumn } from '../../support/tensors.ts';

for (const name of MODEL_NAMES) {
  test(`${name} answers what its library answered`, async () => {
    const model = loadCase(name);
    const prepared = prepareArtifact(loadArtifact(name));
    const executor = await loadOnnxSession(prepared.bytes);
    const outputs = await executor.run(feedsOf(model), model.batch ?? 0);
    assert.deepEqual(
      outputs.map((output) => output.name).sort(),
      model.outputs.map((output) => output.name).sort(),
    );
    for (const output of outputs) {
      const labels = prepared.signature.outputs.find((spec) => spec.name === output.name)?.classLabels;
      assert.equal(output.shape[0], model.rows);
      compare(elementsOf(output), flatten(model.expected[output.name] as JsonColumn, labels), model);
    }
    await executor.release();
  });
}

/** ZipMap's expected answers are an object a row, keyed by the label. */
function flatten(values: JsonColumn, labels: readonly (string | number)[] | undefined): JsonColumn[] {
  return (values as JsonColumn[]).flatMap((row) => {
    if (Array.isArray(row)) return row.flat(Number.POSITIVE_INFINITY) as JsonColumn[];
    if (typeof row !== 'object' || row === null) return [row];
    return labels?.map((label) => (row as unknown as Record<string, number>)[String(label)] as number) ?? [];
  });
}

function compare(
  got: readonly (number | bigint | string)[],
  expected: readonly JsonColumn[],
  model: ModelCase,
) {
  assert.equal(got.length, expected.length);
  for (const [index, value] of got.entries()) {
    const wanted = expected[index];
    if (typeof value === 'number' && typeof wanted === 'number') {
      const bound = model.tolerance.abs + model.tolerance.rel * Math.abs(wanted);
      assert.ok(Math.abs(value - wanted) <= bound, `element ${index}: ${value}, expected ${wanted}`);
    } else if (typeof value === 'number') assert.ok(Number.isNaN(value) && wanted === null);
    else assert.equal(String(value), String(wanted));
  }
}
