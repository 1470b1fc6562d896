import { move, transferableSymbol, valueSymbol } from 'piscina';
import { ShoalError } from '../../core/errors.ts';
import type { NamedTensor } from '../../model/signature.ts';
import type { Executor } from '../../runtime/executor.ts';
import { loadOnnxSession } from '../../runtime/onnx-session.ts';
import {
  type LaneAnswer,
  type LaneLoad,
  type LaneLoaded,
  type LaneTask,
  RUN_FIELDS,
  toFailure,
} from '../../wire/lane.ts';
import { readSection } from '../../wire/tensor-section.ts';
import { Answer } from './answer.ts';

/** Sessions can't leave the thread that made them: this map is the lane. */
const executors = new Map<number, Executor>();

/** piscina's task. Never throws for what a model or a caller did: thrown errors lose their code on the way. */
export default async function work(task: LaneTask): Promise<LaneAnswer> {
  for (const handle of task.releases) await release(handle);
  const answer = new Answer(task.maxSectionBytes);
  for (let at = 0; at < task.runs.length; at += RUN_FIELDS) await run(task, at, answer);
  const loads: LaneLoaded[] = [];
  for (const one of task.loads) loads.push(await load(one));
  const packed = answer.pack(loads);
  // piscina's way to transfer a part of what a task returns; the caller gets the answer itself.
  return move({ [transferableSymbol]: packed.sections, [valueSymbol]: packed }) as unknown as LaneAnswer;
}

async function run(task: LaneTask, at: number, answer: Answer): Promise<void> {
  const { runs } = task;
  const handle = runs[at] as number;
  const partRows = runs[at + 3] as number;
  const startedMs = performance.now();
  try {
    const executor = executors.get(handle);
    if (executor === undefined) throw new Error(`lane has no model under handle ${handle}`);
    const inputs = readInputs(new Uint8Array(task.sections, runs[at + 1], runs[at + 2]));
    answer.add(await executor.run(inputs, partRows), () => elapsedUs(startedMs));
  } catch (error) {
    answer.fail(toFailure(error), elapsedUs(startedMs));
  }
}

function readInputs(section: Uint8Array): NamedTensor[] {
  try {
    return readSection(section);
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    throw new ShoalError('INVALID_REQUEST', `malformed tensor section: ${cause.message}`, { cause });
  }
}

async function load({ handle, artifact }: LaneLoad): Promise<LaneLoaded> {
  const startedMs = performance.now();
  try {
    executors.set(handle, await loadOnnxSession(artifact));
    return { ok: true, loadUs: elapsedUs(startedMs) };
  } catch (error) {
    return { ok: false, failure: toFailure(error) };
  }
}

async function release(handle: number): Promise<void> {
  const executor = executors.get(handle);
  executors.delete(handle);
  await executor?.release();
}

function elapsedUs(startedMs: number): number {
  return (performance.now() - startedMs) * 1_000;
}
