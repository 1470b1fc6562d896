import { prepareArtifact } from '../../src/model/onnx/prepare.ts';
import { compilePlan } from '../../src/model/plan/compile.ts';
import type { NamedTensor } from '../../src/model/signature.ts';
import { loadOnnxSession } from '../../src/runtime/onnx-session.ts';
import { planExecutor } from '../../src/runtime/plan/plan-executor.ts';
import { assertNear } from './plan-check.ts';

/** A random model and rows for it. The same seed, the same case. */
export interface FuzzCase {
  readonly artifact: Uint8Array;
  readonly inputs: readonly NamedTensor[];
  /** Numbers are to be equal bit for bit. */
  readonly isExact?: boolean;
}

export type FuzzOutcome =
  | { readonly kind: 'same' }
  /** No plan: why. */
  | { readonly kind: 'left'; readonly reason: string }
  /** ONNX Runtime itself does not take it. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'different'; readonly message: string };

/** Plan and session of one model on the same rows. */
export async function compareCase({ artifact, inputs, isExact }: FuzzCase): Promise<FuzzOutcome> {
  const prepared = prepareArtifact(artifact);
  const compiled = compilePlan(prepared);
  if ('reason' in compiled) return { kind: 'left', reason: compiled.reason };
  let expected: NamedTensor[];
  try {
    const session = await loadOnnxSession(prepared.bytes);
    try {
      expected = await session.run(inputs, 0);
    } finally {
      await session.release();
    }
  } catch (error) {
    return { kind: 'refused', reason: error instanceof Error ? error.message : String(error) };
  }
  try {
    const actual = await planExecutor(compiled.structure, compiled.plan).run(inputs, 0);
    assertNear(actual, expected, isExact === true ? 0 : undefined);
    return { kind: 'same' };
  } catch (error) {
    return { kind: 'different', message: error instanceof Error ? error.message : String(error) };
  }
}
