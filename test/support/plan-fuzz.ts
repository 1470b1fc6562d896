import { prepareArtifact } from '../../src/model/onnx/prepare.ts';
import { compilePlan } from '../../src/model/plan/compile.ts';
import type { NamedTensor } from '../../src/model/signature.ts';
import type { Executor } from '../../src/runtime/executor.ts';
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
  /** ONNX Runtime itself does not take it, or neither answers these rows. */
  | { readonly kind: 'refused'; readonly reason: string }
  | { readonly kind: 'different'; readonly message: string };

/** Plan and session of one model on the same rows. */
export async function compareCase({ artifact, inputs, isExact }: FuzzCase): Promise<FuzzOutcome> {
  const prepared = prepareArtifact(artifact);
  const compiled = compilePlan(prepared);
  if ('reason' in compiled) return { kind: 'left', reason: compiled.reason };
  let session: Executor;
  try {
    session = await loadOnnxSession(prepared.bytes);
  } catch (error) {
    return { kind: 'refused', reason: messageOf(error) };
  }
  try {
    const expected = await answerOf(session, inputs);
    const actual = await answerOf(planExecutor(compiled.structure, compiled.plan), inputs);
    return compareAnswers(actual, expected, isExact === true ? 0 : undefined);
  } finally {
    await session.release();
  }
}

/** What it answers, or why it fails. */
async function answerOf(executor: Executor, inputs: readonly NamedTensor[]): Promise<NamedTensor[] | string> {
  try {
    return await executor.run(inputs, 0);
  } catch (error) {
    return messageOf(error);
  }
}

function compareAnswers(
  actual: NamedTensor[] | string,
  expected: NamedTensor[] | string,
  relative: number | undefined,
): FuzzOutcome {
  if (typeof actual === 'string')
    return typeof expected === 'string'
      ? { kind: 'refused', reason: expected }
      : { kind: 'different', message: `the plan fails: ${actual}` };
  if (typeof expected === 'string')
    return { kind: 'different', message: `only the plan answers: ${expected}` };
  try {
    assertNear(actual, expected, relative);
    return { kind: 'same' };
  } catch (error) {
    return { kind: 'different', message: messageOf(error) };
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
