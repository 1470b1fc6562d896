import { InferenceSession, type Tensor } from 'onnxruntime-node';
import type { NamedTensor } from '../../src/model/signature.ts';
import { fromOrtTensor, toOrtTensor } from '../../src/runtime/ort-tensors.ts';

/** Runs a prepared model in this thread, as plainly as can be: for tests of what was prepared. */
export async function openSession(bytes: Uint8Array): Promise<InferenceSession> {
  return InferenceSession.create(bytes, { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 3 });
}

export async function runTensors(
  session: InferenceSession,
  tensors: readonly NamedTensor[],
): Promise<NamedTensor[]> {
  const feeds = Object.fromEntries(tensors.map((tensor) => [tensor.name, toOrtTensor(tensor)]));
  const results = await session.run(feeds);
  return session.outputNames.map((name) => fromOrtTensor(name, results[name] as Tensor));
}
