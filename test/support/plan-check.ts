import assert from 'node:assert/strict';
import { prepareArtifact } from '../../src/model/onnx/prepare.ts';
import { compilePlan } from '../../src/model/plan/compile.ts';
import type { NamedTensor } from '../../src/model/signature.ts';
import { loadOnnxSession } from '../../src/runtime/onnx-session.ts';
import { findDifference, scoresOf } from '../../src/runtime/plan/difference.ts';
import { planExecutor } from '../../src/runtime/plan/plan-executor.ts';

/** Runs an artifact's plan and its session on the same inputs; fails when it has no plan or they answer differently. */
export async function assertSameAnswers(artifact: Uint8Array, inputs: readonly NamedTensor[]): Promise<void> {
  const prepared = prepareArtifact(artifact);
  const compiled = compilePlan(prepared);
  assert.ok('plan' in compiled, 'reason' in compiled ? compiled.reason : '');
  const session = await loadOnnxSession(prepared.bytes);
  try {
    const expected = await session.run(inputs, 0);
    const actual = await planExecutor(compiled.structure, compiled.plan).run(inputs, 0);
    assert.equal(findDifference(actual, expected, { scores: scoresOf(prepared.signature) }), undefined);
  } finally {
    await session.release();
  }
}

/** As admission compares them. */
export function assertNear(
  actual: readonly NamedTensor[],
  expected: readonly NamedTensor[],
  relative?: number,
): void {
  assert.equal(findDifference(actual, expected, relative === undefined ? {} : { relative }), undefined);
}
