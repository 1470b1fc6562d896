import { move, transferableSymbol, valueSymbol } from 'piscina';
import { ShoalError } from '../../core/errors.ts';
import type { NamedTensor } from '../../model/signature.ts';
import type { Executor } from '../../runtime/executor.ts';
import { loadOnnxSession } from '../../runtime/onnx-session.ts';
import {
  type LaneAnswer,
  type LaneFailure,
  type LaneLoad,
  type LaneLoaded,
  type LaneTask,
  RUN_FIELDS,
  toFailure,
} from '../../wire/lane.ts';
import { readSection, sectionBytes, writeSection } from '../../wire/tensor-section.ts';

/** Sessions can't leave the thread that made them: this map is the lane. */
const executors = new Map<number, Executor>();

/** piscina's task. Never throws for what a model or a caller did: thrown errors lose their code on the way. */
export default async function work(task: LaneTask): Promise<LaneAnswer> {
  for (const handle of task.releases) await release(handle);
  const results: RunResult[] = [];
  for (let at = 0; at < task.runs.length; at += RUN_FIELDS) results.push(await run(task, at));
  const loads: LaneLoaded[] = [];
  for (const one of task.loads) loads.push(await load(one));
  const answer = pack(results, loads);
  // piscina's way to transfer a part of what a task returns; the caller gets the answer itself.
  return move({ [transferableSymbol]: answer.sections, [valueSymbol]: answer }) as unknown as LaneAnswer;
}

interface RunResult {
  readonly outputs: readonly NamedTensor[];
  readonly sectionLength: number;
  readonly runUs: number;
  readonly failure?: LaneFailure;
}

async function run(task: LaneTask, at: number): Promise<RunResult> {
  const { runs } = task;
  const handle = runs[at] as number;
  const partRows = runs[at + 3] as number;
  const startedMs = performance.now();
  try {
    const executor = executors.get(handle);
    if (executor === undefined) throw new Error(`lane has no model under handle ${handle}`);
    const inputs = readInputs(new Uint8Array(task.sections, runs[at + 1], runs[at + 2]));
    const outputs = await executor.run(inputs, partRows);
    return { outputs, sectionLength: sectionBytes(outputs), runUs: elapsedUs(startedMs) };
  } catch (error) {
    return { outputs: [], sectionLength: 0, runUs: elapsedUs(startedMs), failure: toFailure(error) };
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

function pack(results: readonly RunResult[], loads: readonly LaneLoaded[]): LaneAnswer {
  let total = 0;
  for (const result of results) total += result.sectionLength;
  const sections = new ArrayBuffer(total);
  const target = Buffer.from(sections);
  const outcomes: number[] = [];
  const failures: LaneFailure[] = [];
  let at = 0;
  for (const result of results) {
    if (result.failure === undefined) writeSection(target, at, result.outputs);
    else failures.push(result.failure);
    outcomes.push(result.failure === undefined ? 1 : 0, at, result.sectionLength, result.runUs);
    at += result.sectionLength;
  }
  return { loads, outcomes, sections, failures };
}

function elapsedUs(startedMs: number): number {
  return (performance.now() - startedMs) * 1_000;
}
