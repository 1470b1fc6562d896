import { ShoalError } from '../core/errors.ts';
import type { ModelConfig } from '../model/config.ts';
import { encodeInstances } from '../model/instances.ts';
import type { PreparedArtifact } from '../model/onnx/prepare.ts';
import type { EncodedPlan } from '../model/plan/blob.ts';
import { compilePlan } from '../model/plan/compile.ts';
import type { ServingSpec } from '../model/serving-spec.ts';
import type { Executor } from '../runtime/executor.ts';
import { scoresOf } from '../runtime/plan/difference.ts';
import { planExecutor } from '../runtime/plan/plan-executor.ts';
import type { PlanFault } from '../wire/admission.ts';
import { type CompiledPlan, compare, findPlanFault } from './referee.ts';

/** A model's plan, or why it has none. What goes wrong here is no fault of the model's. */
export function planOf(prepared: PreparedArtifact, planBytes: number): CompiledPlan | PlanFault {
  try {
    const compiled = compilePlan(prepared);
    if ('reason' in compiled) return unsupported(compiled.reason);
    const { byteLength } = compiled.plan.bytes;
    if (byteLength <= planBytes) return compiled;
    return unsupported(`its plan would take ${byteLength} bytes, more than planBytes (${planBytes})`);
  } catch (error) {
    return failed(error);
  }
}

export interface AcceptedPlan {
  readonly plan: EncodedPlan;
  readonly loadMs: number;
  readonly runMs: number;
}

/**
 * Lets a plan and the session of the same model answer the golden rows and made-up ones. `exercise`: what every
 * model must pass; it answers how long a run takes.
 */
export async function tryPlan(
  compiled: CompiledPlan,
  session: Executor,
  spec: ServingSpec,
  { golden }: ModelConfig,
  exercise: (executor: Executor) => Promise<number>,
): Promise<AcceptedPlan | PlanFault> {
  try {
    const startedMs = performance.now();
    const executor = planExecutor(compiled.structure, compiled.plan);
    const loadMs = performance.now() - startedMs;
    const fixedRows = spec.signature.inputs[0]?.shape[0] ?? -1;
    const partRows = Math.max(0, fixedRows);
    const scores = scoresOf(spec.signature);
    let difference = await findPlanFault(session, executor, compiled, { partRows, scores });
    if (difference === undefined && golden !== undefined) {
      const rows = golden.instances;
      const { tensors, partRows } = encodeInstances(spec, rows, { instances: rows.length });
      ({ difference } = await compare(session, executor, tensors, { partRows, scores }));
      if (difference !== undefined) difference = `in the golden rows, ${difference}`;
    }
    if (difference !== undefined) return differs(difference);
    return { plan: compiled.plan, loadMs, runMs: await exercise(executor) };
  } catch (error) {
    // The session has passed what the plan has not.
    return error instanceof ShoalError ? differs(error.message) : failed(error);
  }
}

/** Of what is kept and shown; names in it are the model's. */
const MAX_REASON = 300;

function unsupported(reason: string): PlanFault {
  return { outcome: 'unsupported', reason: reason.slice(0, MAX_REASON) };
}

function differs(difference: string): PlanFault {
  return { outcome: 'differs', reason: `its plan answered differently: ${difference}`.slice(0, MAX_REASON) };
}

function failed(error: unknown): PlanFault {
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return {
    outcome: 'failed',
    reason: `its plan failed: ${message}`.slice(0, MAX_REASON),
    stack: stack ?? message,
  };
}
