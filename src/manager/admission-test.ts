import { ShoalError } from '../core/errors.ts';
import type { ModelConfig } from '../model/config.ts';
import { comparePredictions } from '../model/golden.ts';
import { encodeInstances } from '../model/instances.ts';
import { type JsonValue, parseJson } from '../model/json.ts';
import { prepareArtifact } from '../model/onnx/prepare.ts';
import { readModel } from '../model/onnx/read.ts';
import { predictionsJson } from '../model/predictions.ts';
import { type ServingSpec, servingSpec } from '../model/serving-spec.ts';
import type { NamedTensor } from '../model/signature.ts';
import type { Executor } from '../runtime/executor.ts';
import { loadOnnxSession } from '../runtime/onnx-session.ts';
import { planResidentBytes } from '../model/plan/resident.ts';
import type { NativeHeap } from '../runtime/native-heap.ts';
import { loadMeasured } from '../runtime/resident-memory.ts';
import type { AdmissionFindings, PlanFault } from '../wire/admission.ts';
import { sectionBytes } from '../wire/tensor-section.ts';
import { generatedInputs } from './generated-inputs.ts';
import { type AcceptedPlan, planOf, tryPlan } from './plan-trial.ts';

/** Below this the weights make no difference to the estimate that is worth reading the artifact twice. */
const SMALL_ARTIFACT_BYTES = 64 * 1024;

/**
 * All that a version must pass before it is registered: the artifact is read and prepared, fits its config,
 * loads, and runs; as a plan where that answers the same (model/plan). The file may crash, hang or bloat whoever calls this: only an admission process does.
 * `planBytes`: the largest plan. `heap`: this process's, to measure what the model takes. Throws INVALID_ARTIFACT, UNSUPPORTED_ARTIFACT,
 * INVALID_CONFIG, ADMISSION_FAILED.
 */
export async function admissionTest(
  artifact: Uint8Array,
  config: ModelConfig,
  planBytes: number,
  heap?: NativeHeap,
): Promise<AdmissionFindings> {
  const prepared = prepareArtifact(artifact);
  const spec = servingSpec(prepared, config);
  const exercise = (executor: Executor): Promise<number> =>
    config.golden === undefined ? tryGenerated(executor, spec) : runGolden(executor, spec, config.golden);
  const compiled = planOf(prepared, planBytes);
  let found: AcceptedPlan | PlanFault;
  if ('reason' in compiled) found = compiled;
  else {
    const session = await loadOnnxSession(prepared.bytes);
    try {
      await exercise(session);
      found = await tryPlan(compiled, session, spec, config, exercise);
    } finally {
      await session.release();
    }
  }
  if ('plan' in found) {
    const { plan, ...times } = found;
    return { executor: plan, spec, residentBytes: planResidentBytes(plan.bytes.byteLength), ...times };
  }
  const measured = await measure(prepared.bytes, exercise, heap);
  const changed = prepared.bytes === artifact ? {} : { prepared: prepared.bytes };
  return { executor: found, ...changed, spec, ...measured };
}

/** What a session takes, in memory and time. */
async function measure(
  prepared: Uint8Array,
  exercise: (executor: Executor) => Promise<number>,
  heap: NativeHeap | undefined,
): Promise<Pick<AdmissionFindings, 'residentBytes' | 'loadMs' | 'runMs'>> {
  const weightBytes = weightBytesOf(prepared);
  const { executor, loadMs, release } = await loadMeasured(prepared, loadOnnxSession, weightBytes, heap);
  let runMs: number;
  try {
    runMs = await exercise(executor);
  } catch (error) {
    await executor.release();
    throw error;
  }
  return { residentBytes: await release(), loadMs, runMs };
}

async function runGolden(
  executor: Executor,
  spec: ServingSpec,
  golden: NonNullable<ModelConfig['golden']>,
): Promise<number> {
  let json: string;
  let runMs: number;
  try {
    const { tensors, rows, partRows } = encodeInstances(spec, golden.instances, {
      instances: golden.instances.length,
    });
    const startedMs = performance.now();
    const outputs = await runOnce(executor, tensors, partRows);
    runMs = performance.now() - startedMs;
    json = predictionsJson(spec, outputs, rows);
  } catch (error) {
    if (!(error instanceof ShoalError)) throw error;
    throw new ShoalError('ADMISSION_FAILED', `the golden rows could not be run: ${error.message}`, {
      details: error.details,
    });
  }
  const actual = parseJson(Buffer.from(json), { depth: Number.POSITIVE_INFINITY }) as JsonValue[];
  const difference = comparePredictions(golden.predictions, actual, golden.tolerance);
  if (difference === undefined) return runMs;
  throw new ShoalError(
    'ADMISSION_FAILED',
    `golden rows differ: config/golden/predictions${difference.message}`,
    {
      details: [{ path: `/golden/predictions${difference.path}`, message: difference.message }],
    },
  );
}

/**
 * Made-up inputs may be ones that the model rightly refuses (an index beyond its table), so an error is no
 * ground for rejection, unless it says that memory ran out; to survive is what is asked.
 */
async function tryGenerated(executor: Executor, spec: ServingSpec): Promise<number> {
  let runMs = 0;
  for (const fill of ['zeros', 'small numbers'] as const) {
    const inputs = generatedInputs(spec.signature, fill);
    if (inputs === undefined) continue;
    const startedMs = performance.now();
    try {
      await runOnce(executor, inputs, 0);
    } catch (error) {
      if (!(error instanceof ShoalError) || error.code === 'ADMISSION_FAILED') throw error;
      if (OUT_OF_MEMORY.test(error.message)) {
        throw new ShoalError('ADMISSION_FAILED', `the model needs too much memory: ${error.message}`);
      }
    }
    runMs = performance.now() - startedMs;
  }
  return runMs;
}

/** As a lane would run it: outputs that no answer can hold are no outputs. */
async function runOnce(
  executor: Executor,
  inputs: readonly NamedTensor[],
  partRows: number,
): Promise<NamedTensor[]> {
  const outputs = await executor.run(inputs, partRows);
  try {
    sectionBytes(outputs);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ShoalError('ADMISSION_FAILED', `the model's outputs can't be answered: ${cause.message}`, {
      cause,
    });
  }
  return outputs;
}

/** ONNX Runtime's words for it. */
const OUT_OF_MEMORY = /failed to allocate memory|bad[_ ]alloc|out of memory/i;

function weightBytesOf(prepared: Uint8Array): number {
  if (prepared.byteLength < SMALL_ARTIFACT_BYTES) return 0;
  const weights = readModel(prepared).graph.initializer;
  return weights.reduce((sum, { rawData, floatData, doubleData, int32Data, int64Data }) => {
    const packed = 4 * floatData.length + 8 * doubleData.length + int32Data.length + int64Data.length;
    return sum + rawData.length + packed;
  }, 0);
}
