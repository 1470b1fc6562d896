import { InferenceSession, Tensor as OrtTensor } from 'onnxruntime-node';
import { ShoalError } from '../core/errors.ts';
import { quote } from '../core/ids.ts';
import type { NamedTensor } from '../model/signature.ts';
import type { Executor } from './executor.ts';
import { loadError, runError } from './ort-error.ts';
import { fromOrtTensor, toOrtTensor } from './ort-tensors.ts';
import { cutRows, joinRows, rowsOf } from './row-parts.ts';

/**
 * One thread each, no arena: thousands of small sessions share a process, and an arena would keep the largest
 * intermediate of each. Only fatal messages are logged: errors are thrown as well, and a warning a run
 * (LightGBM's label of shape [1], for one) would fill the log.
 */
const SESSION_OPTIONS: InferenceSession.SessionOptions = {
  executionProviders: ['cpu'],
  intraOpNumThreads: 1,
  interOpNumThreads: 1,
  executionMode: 'sequential',
  enableCpuMemArena: false,
  enableMemPattern: false,
  logSeverityLevel: 4,
};

/**
 * Fusions and layouts for particular processors make a session 30 KiB larger and a third longer to create. In a small
 * artifact there is next to nothing to fuse: 35 real models run as fast and answer the same without.
 */
const MAX_BASIC_BYTES = 64 * 1024;

function sessionOptions(prepared: Uint8Array): InferenceSession.SessionOptions {
  const isSmall = prepared.byteLength <= MAX_BASIC_BYTES;
  return { ...SESSION_OPTIONS, graphOptimizationLevel: isSmall ? 'basic' : 'all' };
}

/** Loads a prepared artifact. Blocks the calling thread. Throws INVALID_ARTIFACT or UNSUPPORTED_ARTIFACT. */
export async function loadOnnxSession(prepared: Uint8Array): Promise<Executor> {
  if (prepared.byteLength === 0) throw new ShoalError('INVALID_ARTIFACT', 'the artifact is empty');
  let session: InferenceSession;
  try {
    session = await InferenceSession.create(prepared, sessionOptions(prepared));
  } catch (cause) {
    throw loadError(cause);
  }
  return {
    run: (inputs, partRows) =>
      partRows === 0 ? runOnce(session, inputs) : runInParts(session, inputs, partRows),
    release: () => session.release(),
  };
}

async function runInParts(
  session: InferenceSession,
  inputs: readonly NamedTensor[],
  partRows: number,
): Promise<NamedTensor[]> {
  const rows = rowsOf(inputs);
  const outputs: NamedTensor[][] = [];
  for (const part of cutRows(inputs, rows, partRows)) outputs.push(await runOnce(session, part));
  return joinRows(outputs, rows, partRows);
}

async function runOnce(session: InferenceSession, inputs: readonly NamedTensor[]): Promise<NamedTensor[]> {
  const feeds: Record<string, OrtTensor> = Object.create(null) as Record<string, OrtTensor>;
  for (const input of inputs) feeds[input.name] = toOrtTensor(input);
  let values: Awaited<ReturnType<InferenceSession['run']>>;
  try {
    values = await session.run(feeds);
  } catch (cause) {
    throw runError(cause);
  }
  return session.outputNames.map((name) => {
    const value = values[name];
    // onnxruntime-common collects outputs in a plain object, which loses a name like __proto__.
    if (!(value instanceof OrtTensor))
      throw new ShoalError('UNSUPPORTED_ARTIFACT', `output ${quote(name)} can't be returned`);
    return fromOrtTensor(name, value);
  });
}
